# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: bare state dicts, with what they were trained on in a JSON file beside them."""

import json
import logging
from pathlib import Path

import torch
from torch import nn

from scripts.errors import UserError
from scripts.files import save_atomically

logger = logging.getLogger(__name__)

SUPERVISION_HEADS = ("deep_supervision_heads.", "super_head.")
"""A DynUNet's deep-supervision heads, each under two names. Training alone needs them, and TorchScript cannot have them
(MONAI 1.6.1), so like the projectors they are not exported."""


def provenance_path(path: str | Path) -> Path:
    """``model.json`` for ``model.pt``."""
    return Path(path).with_suffix(".json")


def save_weights(path: str | Path, network: nn.Module, provenance: dict) -> None:
    """Write a network's state dict, without its deep-supervision heads, to ``path`` and its provenance beside it."""
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items() if not _of_a_head(name)}
    text = json.dumps(provenance, indent=4) + "\n"
    save_atomically(provenance_path(path), lambda file: file.write_text(text))
    save_atomically(path, lambda file: torch.save(state, file))


def load_weights(
    network: nn.Module, path: str | Path, sequences: tuple[str, ...], spacing: float | None = None
) -> nn.Module:
    """Load a state dict into a network after checking that it was trained for what it is now asked to do.

    Args:
        network: the network to fill, in place; deep-supervision heads, if it has them, stay as they are.
        path: a bare state dict; ``<name>.json`` beside it says which sequences and spacing it was trained for.
        sequences: the input channels in order.
        spacing: voxel size in mm at which the network will run; another than in training is warned of.

    Raises:
        UserError: no such file, not a checkpoint, trained for other sequences, or of another shape.
    """
    path = Path(path)
    wanted = " + ".join(sequences)
    if not path.is_file():
        raise UserError(
            f"There are no weights at {path}: train first, or point the key 'ckpt_dir' to the folder that has them."
        )
    record = provenance_path(path)
    trained = json.loads(record.read_text()) if record.is_file() else {}
    if trained.get("sequences", list(sequences)) != list(sequences):
        raise UserError(
            f"{path} was trained for {' + '.join(trained['sequences'])}, not for {wanted}: set student_modalities to "
            f"\"{trained['sequences']}\", or point ckpt_dir to a student of {wanted}."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path} is not a readable checkpoint ({error}): train or download it again.") from error
    try:
        _load_all_but_heads(network, state)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UserError(
            f"{path} does not fit this network of {len(sequences)} input channels ({wanted}); it says of itself: "
            f"sequences {trained.get('sequences', 'unknown')}, filters {trained.get('filters', 'unknown')}. "
            f"Set student_modalities and filters to these."
        ) from error
    if spacing is not None and trained.get("spacing", spacing) != spacing:
        logger.warning("%s was trained at %s mm, but runs at %s mm.", path, trained["spacing"], spacing)
    return network


def _of_a_head(name: str) -> bool:
    return any(head in name for head in SUPERVISION_HEADS)


def _load_all_but_heads(network: nn.Module, state: dict[str, torch.Tensor]) -> None:
    heads = {name: tensor for name, tensor in network.state_dict().items() if _of_a_head(name)}
    network.load_state_dict({name: tensor for name, tensor in state.items() if not _of_a_head(name)} | heads)

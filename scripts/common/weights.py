# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: bare state dicts, with what they were trained on in a JSON file beside them."""

import json
from pathlib import Path

import torch
from torch import nn

from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.sequences import SEQUENCES, channels_of, limited_subsets

SUPERVISION_HEADS = ("deep_supervision_heads.", "super_head.")
"""A DynUNet's deep-supervision heads, each under two names. Training alone needs them, and TorchScript cannot have them
(MONAI 1.6.1), so like the projectors they are not exported."""


def provenance_path(path: str | Path) -> Path:
    """``model.json`` for ``model.pt``."""
    return Path(path).with_suffix(".json")


def student_file(sequences: tuple[str, ...]) -> str:
    """File name of a student among those of other settings, such as ``model_t1ce_flair.pt``."""
    return f"model_{'_'.join(sequences)}.pt"


def network_path(folder: str | Path, sequences: tuple[str, ...]) -> str:
    """The file for these sequences: ``model_t1ce_flair.pt``, for all four ``teacher.pt``, else ``model.pt``."""
    own = Path(folder) / ("teacher.pt" if tuple(sequences) == SEQUENCES else student_file(sequences))
    return str(own if own.is_file() else Path(folder) / "model.pt")


def weight_files_in(folder: str | Path) -> dict[tuple[str, ...], str]:
    """File of each choice of sequences, of all 15, that a folder has a network for; see `network_path`.

    A ``model.pt`` counts for the sequences that the ``model.json`` beside it names, and for none without one.
    """
    found = {}
    for sequences in (*limited_subsets(), SEQUENCES):
        path = network_path(folder, sequences)
        unnamed = list(sequences) if Path(path).name != "model.pt" else None
        if Path(path).is_file() and provenance_of(path).get("sequences", unnamed) == list(sequences):
            found[sequences] = path
    return found


def provenance_of(path: str | Path) -> dict:
    """What the JSON file beside a weight file says; an empty dictionary if there is none."""
    record = provenance_path(path)
    return json.loads(record.read_text()) if record.is_file() else {}


def teacher_path(path: str | Path) -> str:
    """``teacher.pt`` in a folder, or the file itself."""
    return str(Path(path) / "teacher.pt" if Path(path).suffix != ".pt" else path)


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
        spacing: voxel size in mm at which the network will run; None to train it further at any.

    Raises:
        UserError: no such file, not a checkpoint, trained for other sequences, at another spacing, or of another shape.
    """
    state, trained = _read(Path(path), sequences)
    if spacing is not None and trained.get("spacing", spacing) != spacing:
        raise UserError(
            f"{path} was trained at {trained['spacing']:g} mm, not at {spacing:g}: set --spacing "
            f"{trained['spacing']:g}, or take weights that were trained at your spacing."
        )
    return fill(network, state, f"{path} (filters {trained.get('filters', 'unknown')})", sequences)


def warm_start(student: nn.Module, path: str | Path, sequences: tuple[str, ...]) -> nn.Module:
    """Start a student, in place, from a trained teacher of the same topology.

    All weights are the teacher's; of its first layer the student takes the columns of its own sequences
    (`input_columns`). The deep-supervision heads stay as they are.

    Args:
        student: the student's network.
        path: the teacher's state dict.
        sequences: the student's.

    Raises:
        UserError: as `load_weights`; also when student and teacher have different channels.
    """
    state, trained = _read(Path(path), SEQUENCES)
    own = student.state_dict()
    taken = {
        name: input_columns(tensor, sequences) if name in own and _fewer_inputs(own[name], tensor) else tensor
        for name, tensor in state.items()
    }
    return fill(student, taken, f"The teacher {path} (filters {trained.get('filters', 'unknown')})", sequences)


def input_columns(weight: torch.Tensor, sequences: tuple[str, ...]) -> torch.Tensor:
    """The columns of a first layer for some of its sequences, rescaled so that its outputs keep their size.

    Args:
        weight: (out, 4, k, k, k), a convolution of all sequences.
        sequences: those that are kept.

    Returns:
        (out, len(sequences), k, k, k), times 4 / len(sequences). An instance norm behind the layer makes the factor
        irrelevant, other norms do not.
    """
    return weight[:, channels_of(sequences)] * (len(SEQUENCES) / len(sequences))


def _fewer_inputs(own: torch.Tensor, given: torch.Tensor) -> bool:
    return given.ndim == 5 and given.shape[1] == len(SEQUENCES) != own.shape[1]


def _read(path: Path, sequences: tuple[str, ...]) -> tuple[dict[str, torch.Tensor], dict]:
    if not path.is_file():
        raise UserError(
            f"There are no weights at {path}: train first, or point the key 'ckpt_dir' (of a recipe with a trained "
            "teacher: 'teacher_from') to the folder that has them."
        )
    trained = provenance_of(path)
    if trained.get("sequences", list(sequences)) != list(sequences):
        raise UserError(
            f"{path} was trained for {' + '.join(trained['sequences'])}, not for {' + '.join(sequences)}: set "
            f"student_modalities to \"{trained['sequences']}\", or point ckpt_dir to a student of "
            f"{' + '.join(sequences)}."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True), trained
    except Exception as error:
        raise UserError(f"{path} is not a readable checkpoint ({error}): train or download it again.") from error


def fill(network: nn.Module, state: dict[str, torch.Tensor], what: str, sequences: tuple[str, ...]) -> nn.Module:
    """Load a state dict into all of a network but its deep-supervision heads.

    Raises:
        UserError: if it does not fit; ``what`` begins the sentence.
    """
    own = network.state_dict()
    heads = {name: tensor for name, tensor in own.items() if _of_a_head(name)}
    try:
        network.load_state_dict({name: tensor for name, tensor in state.items() if not _of_a_head(name)} | heads)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UserError(
            f"{what} does not fit this network of {len(sequences)} input channels ({' + '.join(sequences)}): set "
            "student_modalities and filters (or teacher_filters) to those that it was trained with."
        ) from error
    return network


def _of_a_head(name: str) -> bool:
    return any(head in name for head in SUPERVISION_HEADS)

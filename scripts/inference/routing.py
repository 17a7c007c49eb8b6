# SPDX-License-Identifier: Apache-2.0
"""Each subject to the network that was trained for exactly the sequences it has."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from scripts.common.errors import UserError
from scripts.common.sequences import ordered, subset_name
from scripts.common.weights import load_weights, provenance_of, weight_files_in
from scripts.data.datalist import present
from scripts.inference.inferer import BrainBoxInferer


def assign_networks(items: list[dict], ckpt_dir: str | Path) -> list[dict]:
    """The datalist items, each with its ``sequences`` (such as ``t1ce+flair``) and the file of its ``network``.

    A subject without any sequence, or with a set of them that no network was trained for, has a sentence under
    ``error`` instead, for ``scripts.data.scan_dataset.ScanDataset``. Nothing is ever filled in for a sequence that is absent.

    Args:
        items: as `scripts.data.datalist.subjects_in` gives them.
        ckpt_dir: folder of the networks, see `scripts.common.weights.weight_files_in`.

    Raises:
        UserError: if the folder has no network at all.
    """
    networks = weight_files_in(ckpt_dir)
    if not networks:
        raise UserError(
            f"There is no network in {ckpt_dir}: point ckpt_dir to a folder with files such as model_t1ce_flair.pt, or "
            "model.pt with its model.json."
        )
    return [_assign(item, networks, ckpt_dir) for item in items]


def _assign(item: dict, networks: dict[tuple[str, ...], str], ckpt_dir: str | Path) -> dict:
    sequences = present(item)
    if not sequences:
        return item | {
            "error": f"{item['subject']}: it has no file of any of the sequences to use: name them as "
            "<subject>_t1ce.nii.gz, or take the subject out of the folder."
        }
    if sequences not in networks:
        there = ", ".join(f"{subset_name(known)} ({Path(file).name})" for known, file in networks.items())
        return item | {
            "error": f"{item['subject']}: it has {subset_name(sequences)}, for which {ckpt_dir} has no network, only "
            f'for {there}: train one with --student_modalities "{list(sequences)}", or choose with that key sequences '
            "that there is a network for."
        }
    return item | {"sequences": subset_name(sequences), "network": networks[sequences]}


class TrainedNetworks(nn.Module):
    """The networks of a batch, each built and loaded when its first subject comes, and kept.

    Args:
        build: makes a network, given ``in_channels`` and ``filters``, for example ``functools.partial`` of a DynUNet.
        filters: channels a level, where a weight file's record does not say.
        spacing: voxel size in mm at which the networks run.
        device: where.
    """

    def __init__(
        self, build: Callable[..., nn.Module], filters: list[int], spacing: float, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__()
        self.build = build
        self.filters = list(filters)
        self.spacing = spacing
        self.device = device
        self.loaded: dict[str, nn.Module] = {}

    def of(self, file: str, sequences: str) -> nn.Module:
        """The network of a weight file, for sequences such as ``t1ce+flair``, ready to run.

        Raises:
            UserError: from `scripts.common.weights.load_weights`; also where the network has another number of levels than
                ``filters``, on which the inference's padding depends.
        """
        if file not in self.loaded:
            chosen = ordered(sequences)
            filters = provenance_of(file).get("filters", self.filters)
            if len(filters) != len(self.filters):
                raise UserError(f'{file} has {len(filters)} levels: run it with --filters "{filters}".')
            network = self.build(in_channels=len(chosen), filters=filters)
            self.loaded[file] = load_weights(network, file, chosen, self.spacing).to(self.device).eval()
        return self.loaded[file]


class RoutedInferer(BrainBoxInferer):
    """``BrainBoxInferer`` that takes the network of the subject from a `TrainedNetworks`."""

    def __call__(self, inputs: torch.Tensor, network: TrainedNetworks, file: list[str], sequences: list[str]):
        """``file`` and ``sequences`` are those of `assign_networks`, in a list of one, as a data loader collates them."""
        return super().__call__(inputs, network.of(file[0], sequences[0]))

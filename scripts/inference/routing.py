# SPDX-License-Identifier: Apache-2.0
"""Assign to each subject the network that was trained for exactly its sequences."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from scripts.common.errors import ScanError, UserError
from scripts.common.files import stamp_of
from scripts.common.printable import shortened
from scripts.common.sequences import SEQUENCES, ordered, subset_name
from scripts.common.weights import load_weights, network_path, provenance_of, weight_files_in
from scripts.data.datalist import sequences_present
from scripts.data.item_files import file_of
from scripts.inference.inferer import BrainBoxInferer
from torch import nn


def assign_networks(items: list[dict], ckpt_dir: str | Path) -> list[dict]:
    """Add to each datalist item its ``sequences``, such as ``t1ce+flair``, and ``network``, its weight file.

    A subject without any sequence, or with a subset for which there is no network, gets ``error`` instead, a message
    that ``scripts.data.scan_dataset.ScanDataset`` reports. Absent sequences are never filled in.

    Args:
        items: from `scripts.data.datalist.subjects_in`.
        ckpt_dir: folder of the networks, see `scripts.common.weights.weight_files_in`.

    Raises:
        UserError: the folder has no network.
    """
    weight_files = weight_files_in(ckpt_dir)
    if not weight_files:
        provenance_of(Path(ckpt_dir) / "model.pt")  # raises if its record is damaged
        raise UserError(
            f"There is no network in {ckpt_dir}: point ckpt_dir to a folder with files such as model_t1ce_flair.pt, or "
            "model.pt with its model.json."
        )
    return [_assign(item, weight_files, ckpt_dir) for item in items]


def _assign(item: dict, weight_files: dict[tuple[str, ...], str], ckpt_dir: str | Path) -> dict:
    if "error" in item:
        return item
    sequences = sequences_present(item)
    lacking = next((item[name] for name in SEQUENCES if name in item and name not in sequences), None)
    if lacking is not None:
        path = str(file_of(lacking))
        what = "is no file" if os.path.lexists(path) else "does not exist"
        if os.path.islink(path):
            what = "is a link to nowhere"
        return item | {
            "error": f"{item['subject']}: {shortened(path)} {what}: correct the path, or leave the subject out."
        }
    if not sequences and "beside" in item:
        return item | {
            "error": f"{item['subject']}: it has only {item['beside']}, none of the chosen sequences: add them to "
            "--student_modalities, or take the subject out of the folder."
        }
    if not sequences:
        return item | {
            "error": f"{item['subject']}: no file of any sequence was found: name the files as <subject>_t1ce.nii.gz, "
            "or take the subject out of the folder."
        }
    if sequences not in weight_files:
        try:
            provenance_of(network_path(ckpt_dir, sequences))  # of a model.pt, which may be for these sequences
        except UserError as error:
            return item | {"error": f"{item['subject']}: {error}"}
        available = ", ".join(f"{subset_name(known)} ({Path(file).name})" for known, file in weight_files.items())
        return item | {
            "error": f"{item['subject']}: {ckpt_dir} has no network for its sequences {subset_name(sequences)}, only "
            f'for {available}: train one with --student_modalities "{list(sequences)}", or set this key to sequences '
            "that have a network."
        }
    return item | {"sequences": subset_name(sequences), "network": weight_files[sequences]}


class TrainedNetworks(nn.Module):
    """Networks that are built and loaded at their first use, and kept until their weight files are replaced.

    Args:
        build: makes a network from ``in_channels`` and ``filters``, for example ``functools.partial`` of a DynUNet.
        filters: channels of each level, for weight files whose record does not tell them.
        spacing: voxel size in mm at which the networks run.
        device: device of the networks.
    """

    def __init__(
        self, build: Callable[..., nn.Module], filters: list[int], spacing: float, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__()
        self.build = build
        self.filters = list(filters)
        self.spacing = spacing
        self.device = device
        # each with the stamp of its weight file
        self.loaded: dict[str, tuple[tuple, nn.Module]] = {}
        self.refused: dict[str, tuple[tuple, str]] = {}

    def load(self, file: str, sequences: str) -> nn.Module:
        """The network of a weight file, for sequences such as ``t1ce+flair``, in evaluation mode.

        Raises:
            UserError: from `scripts.common.weights.load_weights`; also if the network's number of levels differs from
                that of ``filters``, on which the padding depends.
        """
        stamp = stamp_of(file)
        if file not in self.loaded or self.loaded[file][0] != stamp:
            chosen = ordered(sequences)
            filters = provenance_of(file).get("filters", self.filters)
            if len(filters) != len(self.filters):
                raise UserError(f'{file} has {len(filters)} levels: run it with --filters "{filters}".')
            network = self.build(in_channels=len(chosen), filters=filters)
            self.loaded[file] = stamp, load_weights(network, file, chosen, self.spacing).to(self.device).eval()
        return self.loaded[file][1]

    def usable(self, file: str, sequences: str) -> nn.Module:
        """`load`, as part of what a subject needs.

        Raises:
            ScanError: the network cannot be used. Its file is read once, until it is replaced.
        """
        stamp, message = self.refused.get(file, (None, ""))
        if message and stamp == stamp_of(file):
            raise ScanError(message)
        try:
            return self.load(file, sequences)
        except UserError as error:
            self.refused[file] = stamp_of(file), str(error)
            raise ScanError(str(error)) from error


class RoutedInferer(BrainBoxInferer):
    """``BrainBoxInferer`` that runs the network of the weight file that an image names, or else the given network.

    The ``meta`` of an image has its sequences and the file (`scripts.inference.load_scans.LoadScansd`). In a batch every
    image has them. MONAI Label and MONAI Deploy build one network and give images of any channels: there, those of other
    sequences than the network's have them.

    Args:
        others: builds and keeps the networks of files.
        kwargs: of `BrainBoxInferer`.
    """

    def __init__(self, others: TrainedNetworks, **kwargs) -> None:
        super().__init__(**kwargs)
        self.others = others

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args, **kwargs) -> torch.Tensor:
        """
        Raises:
            ScanError: the network cannot be used. So its subjects fail, and those of other networks go on.
        """
        meta = getattr(inputs, "meta", {})
        names, file = (_only(meta.get(key)) for key in ("sequences", "network"))
        return super().__call__(inputs, network if file is None else self.others.usable(file, names))


def _only(value):
    """The value of one scan, which a batch of one has as a list."""
    return value[0] if isinstance(value, list) else value

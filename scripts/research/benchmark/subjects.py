# SPDX-License-Identifier: Apache-2.0
"""One subject under several names, and a network for it: what the benchmark's batches are made of."""

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import torch
from monai.bundle import ConfigParser

from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES, nifti_stem
from scripts.common.weights import network_path, save_weights, weight_files_in


def linked_subjects(item: Mapping, folder: str | Path, count: int) -> str:
    """A dataset folder in which one subject stands ``count`` times, under different names, as links to its files.

    Args:
        item: datalist item with a file for each sequence.
        folder: for the subjects; made if it is not there.
        count: of subjects.
    """
    for number in range(count):
        subject = f"Subject_{number:03d}"
        (Path(folder) / subject).mkdir(parents=True)
        for name in SEQUENCES:
            source = Path(item[name]).absolute()
            ending = source.name.removeprefix(nifti_stem(source.name))
            (Path(folder) / subject / f"{subject}_{name}{ending}").symlink_to(source)
    return str(folder)


def label_map_of(output_dir: str | Path, number: int) -> Path:
    """Where a run over `linked_subjects` saves the label map of that subject."""
    return Path(output_dir) / f"Subject_{number:03d}" / f"Subject_{number:03d}_seg.nii.gz"


def same_label_maps(first: str | Path, second: str | Path, count: int) -> None:
    """Check that two runs over `linked_subjects` gave the same label maps, voxel for voxel.

    Raises:
        RuntimeError: naming the first pair that differs.
    """
    for number in range(count):
        paths = label_map_of(first, number), label_map_of(second, number)
        if nib.load(paths[0]).to_bytes() != nib.load(paths[1]).to_bytes():
            raise RuntimeError(f"{paths[0]} and {paths[1]} differ.")


def size_of(item: Mapping) -> str:
    """The subject's grid in words, such as ``240 x 240 x 155``."""
    return " x ".join(map(str, nib.load(item["flair"]).shape))


def networks_for(folder: str | Path, sequences: tuple[str, ...], overrides: Mapping | None = None) -> tuple[str, str]:
    """A folder with a network for these sequences, and what to call it: the bundle's, or random weights in ``folder``.

    Args:
        folder: for the random weights.
        sequences: the network's channels.
        overrides: other values of the keys of ``configs/inference.json``; with some, the bundle's network does not fit.
    """
    models = ROOT / "models"
    if not overrides and sequences in weight_files_in(models):
        return str(models), f"models/{Path(network_path(models, sequences)).name}"
    parser = ConfigParser()
    parser.read_config(str(ROOT / "configs" / "inference.json"))
    parser.update({"student_modalities": list(sequences)} | dict(overrides or {}))
    torch.manual_seed(0)
    network = parser.get_parsed_content("network_def")
    known = {"sequences": list(sequences)} | {key: parser.get_parsed_content(key) for key in ("filters", "spacing")}
    file = "teacher.pt" if sequences == SEQUENCES else "model.pt"
    save_weights(Path(folder) / file, network, known)
    return str(folder), "random weights"

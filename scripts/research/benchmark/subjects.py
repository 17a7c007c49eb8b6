# SPDX-License-Identifier: Apache-2.0
"""The subject that the benchmark segments, linked under several names."""

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
from scripts.common.errors import UserError
from scripts.common.label_map_state import label_map_path
from scripts.common.sequences import SEQUENCES, nifti_stem
from scripts.data.datalist import require_complete, subjects_in
from scripts.simulation.cohort import make_cohort


def one_subject(scans: str | None, folder: str | Path, seed: int, spacing: float = 1.0) -> dict:
    """The first subject of a folder, or, without one, a subject that is simulated into ``folder``.

    Raises:
        UserError: the subject lacks a sequence, or is a 4D file.
    """
    if scans is None:
        scans = make_cohort(str(folder), training=0, validation=0, test=1, spacing=spacing, seed=seed, workers=1)
    item = require_complete(subjects_in(scans, SEQUENCES, labelled=False)[:1], SEQUENCES, label=False)[0]
    if not all(isinstance(item[name], str) for name in SEQUENCES):
        raise UserError(f"{item['subject']} of {scans} is a 4D file: give a subject with one file for each sequence.")
    return item


def linked_subjects(item: Mapping, folder: str | Path, count: int) -> str:
    """A dataset folder with one subject under ``count`` names, as links to its files.

    Args:
        item: datalist item with a file for each sequence.
        folder: folder for the subjects.
        count: number of subjects.
    """
    for number in range(count):
        subject = f"Subject_{number:03d}"
        (Path(folder) / subject).mkdir(parents=True)
        for name in SEQUENCES:
            source = Path(item[name]).absolute()
            ending = source.name.removeprefix(nifti_stem(source.name))
            (Path(folder) / subject / f"{subject}_{name}{ending}").symlink_to(source)
    return str(folder)


def linked_label_map(output_dir: str | Path, number: int) -> Path:
    """The label map of a subject of `linked_subjects`."""
    return label_map_path(output_dir, f"Subject_{number:03d}")


def check_same_label_maps(first: str | Path, second: str | Path, count: int) -> None:
    """Check that two runs over `linked_subjects` gave the same label maps.

    Raises:
        RuntimeError: naming the first pair that differs.
    """
    for number in range(count):
        paths = linked_label_map(first, number), linked_label_map(second, number)
        if nib.load(paths[0]).to_bytes() != nib.load(paths[1]).to_bytes():
            raise RuntimeError(f"{paths[0]} and {paths[1]} differ.")


def size_of(item: Mapping) -> str:
    """The subject's grid, such as ``240 x 240 x 155``."""
    return " x ".join(map(str, nib.load(item["flair"]).shape))

# SPDX-License-Identifier: Apache-2.0
"""The subject of a file and of a folder, by the names of both."""

from pathlib import Path

from scripts.common.sequences import SEQUENCES, sequence_of_folder

# Folders between a subject's own and its scans, in lower case.
BETWEEN = ("anat", "nifti")


def subject_folder(folder: Path) -> Path:
    """The folder itself, or the nearest above that is not in `BETWEEN`: `P1` of `P1/anat`."""
    return next(each for each in (folder, *folder.absolute().parents) if each.name.lower() not in BETWEEN)


def subject_of_file(file: Path, prefix: str) -> str:
    """The subject of a scan: the prefix of its name, or else the name of a folder.

    This is the nearest folder above that is neither named after a sequence nor in `BETWEEN`: `P1` of
    `P1/2_T1GD/NIFTI/T1GD.nii.gz`. Without one it is "".

    Args:
        file: its path; a relative one is of the current folder.
        prefix: what `scripts.common.sequences.parse_filename` finds before the sequence; may be "".
    """
    names = (folder.name for folder in map(subject_folder, file.absolute().parents))
    return prefix or next((name for name in names if sequence_of_folder(name) not in SEQUENCES), "")

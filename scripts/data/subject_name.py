# SPDX-License-Identifier: Apache-2.0
"""The subject of a file and of a folder, by the names of both."""

import re
from pathlib import Path

from scripts.common.sequences import SEQUENCES, sequence_of_folder

# Folders between a subject's own and its scans, in lower case.
BETWEEN = ("anat", "nifti")
# Folders of a patient's time points: a date or a number alone, or a word for a visit. Many patients have the same.
_VISIT = re.compile(
    r"(?=.*\d)[\d\-_.]+|(ses|session|visit|timepoint|tp)([-_ .]?\d.*|[-_ .].+)?|(day|week|month)[-_ .]?\d.*"
    r"|baseline|follow[-_ ]?up.*",
    re.IGNORECASE,
)


def subject_folder(folder: Path) -> Path:
    """The folder itself, or the nearest above that is not in `BETWEEN`: `P1` of `P1/anat`."""
    return next(each for each in (folder, *folder.absolute().parents) if each.name.lower() not in BETWEEN)


def is_visit(name: str) -> bool:
    """Whether a folder is named as a date, a number or a visit: `2020-01-31`, `ses-1`, `week-044`, `baseline`."""
    return _VISIT.fullmatch(name) is not None


def name_of_folder(folder: Path, root: Path) -> str:
    """The name of a subject that is called after its folder, somewhere in `root`.

    A time point is called by its patient's folder too, whatever else lies in `root`: `P1_2020` is `P1/2020`.
    """
    _, own = _at_patient(folder, root)
    return "_".join(own) or folder.name


def patient_of_folder(folder: Path, root: Path, with_path: bool = False) -> str | None:
    """The patient of a time point's folder, somewhere in `root`: `P1` of `P1/2020`; None of any other folder.

    Args:
        folder, root: as of `name_of_folder`.
        with_path: put the folders above before it, where several patients have the same name: `A_P1` of `A/P1/2020`.
    """
    above, own = _at_patient(folder, root)
    if len(own) < 2 or is_visit(own[0]):
        return None
    return "_".join((*above, own[0])) if with_path else own[0]


def _at_patient(folder: Path, root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folders from `root` to `folder`: those above the innermost one that is no time point, and this with the rest."""
    parts = folder.relative_to(root).parts
    first = next((number for number in reversed(range(len(parts))) if not is_visit(parts[number])), 0)
    return parts[:first], parts[first:]


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

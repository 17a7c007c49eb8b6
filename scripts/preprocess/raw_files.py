# SPDX-License-Identifier: Apache-2.0
"""The subjects of a folder of raw scans, and the files of each: DICOM, NIfTI and brain masks."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import ScanError, UserError
from scripts.common.files import hash_of
from scripts.common.formats import DICOM, other_format
from scripts.common.printable import name_problem, printable
from scripts.common.sequences import SEQUENCES, nifti_stem, parse_filename, sequence_of_name
from scripts.data.other_formats import is_dicom, leads_nowhere
from scripts.data.subject_folders import files_and_folders

MASK = "brain_mask"


@dataclass(frozen=True)
class RawFiles:
    """The files of one subject.

    Attributes:
        scans: NIfTI files.
        dicom: DICOM files.
        masks: brain masks, each with the sequence that its name says, or None (`brain_mask.nii.gz`).
        label_maps: NIfTI files that are left alone.
    """

    scans: tuple[Path, ...]
    dicom: tuple[Path, ...]
    masks: tuple[tuple[Path, str | None], ...]
    label_maps: tuple[Path, ...]


def raw_subjects(raw: Path) -> dict[str, Path]:
    """The folder of each subject: every folder directly in `raw` is one.

    Raises:
        UserError: no such folder, no folder in it, or scans that lie beside the folders.
    """
    if not raw.is_dir():
        raise UserError(f"The folder of raw scans {raw} does not exist: give an existing one.")
    files, folders = files_and_folders(raw) or ([], [])
    loose = next((file for file in files if nifti_stem(file.name) or _is_dicom(file)), None)
    if lost := next(filter(leads_nowhere, files), None):
        raise UserError(f"{printable(str(lost))} is a link to nowhere: correct it, or take it out of the folder.")
    if loose or not folders:
        what = f"{printable(str(loose))} lies in no subject's folder" if loose else f"{raw} has no folder of a subject"
        raise UserError(f"{what}: put the scans of each subject into a folder of their own, as {raw}/P1.")
    return {folder.name: folder for folder in folders}


def check_name(subject: str) -> None:
    """Raise `ScanError` if no file can be named after the subject."""
    if problem := name_problem(subject):
        raise ScanError(f"{printable(subject)}: the name of this subject {problem}: rename its folder.")


def raw_files(folder: Path) -> RawFiles:
    """The files of a subject's folder and of all folders in it, also of linked ones; hidden ones are left out.

    Raises:
        ScanError: a link that leads nowhere, or back to a folder that it lies in.
    """
    scans, dicom, masks, label_maps = [], [], [], []
    for file in _all_files(folder):
        stem = nifti_stem(file.name)
        if stem is None:
            if _is_dicom(file):
                dicom.append(file)
        elif stem.lower().endswith(MASK):
            masks.append((file, None))
        elif MASK in stem.lower() and (name := _sequence_after_mask(stem)):
            masks.append((file, name))
        elif (parse_filename(file.name) or ("", ""))[1] == "label":
            label_maps.append(file)
        else:
            scans.append(file)
    return RawFiles(tuple(scans), tuple(dicom), tuple(masks), tuple(label_maps))


def fingerprints(folder: Path, files: RawFiles) -> tuple[str, str]:
    """Hashes of the names and content of all of the subject's files, and of its DICOM files alone; each is read once.

    Names and sizes of DICOM files would not do: they are the same for each patient of one protocol.
    """
    others = [*files.scans, *(mask for mask, _ in files.masks)]
    others += [sidecar for file in files.scans if (sidecar := sidecar_of(file)).is_file()]
    dicom, rest = ([f"{file.relative_to(folder)} {hash_of(file)}" for file in known] for known in (files.dicom, others))
    return _hash_of_lines(dicom + rest), _hash_of_lines(dicom)


def _hash_of_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def sidecar_of(scan: Path) -> Path:
    """The JSON file that dcm2niix writes beside a NIfTI file."""
    return scan.with_name(f"{nifti_stem(scan.name)}.json")


def _sequence_after_mask(stem: str) -> str | None:
    name = sequence_of_name(stem[stem.lower().index(MASK) + len(MASK) :])
    return name if name in SEQUENCES else None


def _all_files(folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """The files in a folder, then those of each folder in it; `above` are the folders it lies in, links resolved.

    A link back is refused, and not only left out, because dcm2niix would follow it to the scans of other subjects.
    """
    place, parent = folder.resolve(), folder.absolute().parent.resolve()
    above = above or (parent, *parent.parents)
    if place in above:
        raise ScanError(
            f"{printable(str(folder))} is a link to a folder that it lies in, so scans would count twice: remove the "
            "link."
        )
    files, folders = files_and_folders(folder) or ([], [])
    if broken := next(filter(leads_nowhere, files), None):
        raise ScanError(
            f"{printable(str(broken))} is a link to a file or folder that does not exist: restore that, or remove the "
            "link."
        )
    found = [file for file in files if file.is_file()]
    for child in folders:
        found += _all_files(child, (*above, place))
    return found


def _is_dicom(file: Path) -> bool:
    return other_format(file.name) == DICOM or (other_format(file.name) is None and is_dicom(file))

# SPDX-License-Identifier: Apache-2.0
"""Folders and files of scans in other formats than NIfTI: each is named, so that none is left out unseen."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from scripts.common.formats import DICOM, other_format, without_other_ending
from scripts.common.printable import printable, shortened
from scripts.common.sequences import nifti_stem, parse_filename
from scripts.data.subject_folders import files_and_folders
from scripts.data.subject_name import name_of_folder

# Files of a folder whose first bytes are read, if their names say nothing.
OPENED = 20


def subjects_in_other_formats(root: Path, found: Iterable[tuple[dict, Path]]) -> list[tuple[dict, Path]]:
    """Items with an `error` and `other_format` for folders and files whose scans are in other formats, with their places.

    A folder without any subject is one item, called by its name. Files beside subjects are one item for each
    beginning of their names. What lies in a subject's own folder is left alone.

    Args:
        root: the folder of all scans.
        found: what `scripts.data.subject_folders.subjects_in_folders` found in it.
    """
    found = list(found)
    items = {}
    known = {item["subject"] for item, _ in found}
    for place, name, file in _search(root, root, {where for _, where in found}, known):
        subject = name_of_folder(place, root) if place.is_dir() else name
        if subject in items or subject in known:
            subject = "_".join(place.relative_to(root).parts)
        item = {"subject": subject, "label_convention": "brats", "error": _error(file), "other_format": True}
        items.setdefault(subject, (item, place))
    return [(item | {"error": f"{item['subject']}: {item['error']}"}, place) for item, place in items.values()]


def _error(file: Path) -> str:
    shown = shortened(printable(str(file)))
    if leads_nowhere(file):
        return f"{shown} is a link to nowhere: correct it, or take it out of the folder."
    what, way_out = _format_of(file)
    return f"no NIfTI file was found, and {shown} is {what}: {way_out}, or take it out of the folder."


def _search(
    folder: Path, root: Path, places: set[Path], subjects: set[str], above: tuple[Path, ...] = ()
) -> list[tuple[Path, str, Path]]:
    """Place, name and first file of each folder or file that is not taken; `above` are the folders that it lies in,
    links resolved."""
    own = folder in places
    if own and (folder != root or len(places) == 1):
        return []
    taken = [place for place in places if folder in place.parents]
    if folder != root and not taken:
        file = _first(folder, above)
        return [] if file is None else [(folder, folder.name, file)]
    files, folders = files_and_folders(folder) or ([], [])
    found = []
    for file in files:
        plain = without_other_ending(file.name) or (file.name if leads_nowhere(file) else None)
        if plain is None or nifti_stem(file.name):
            continue
        name = (parse_filename(f"{plain}.nii") or (None, None))[0] or plain
        if name not in subjects and folder.name not in subjects:
            found.append((file, name, file))
    above = (*above, folder.resolve())
    for child in folders:
        if child.resolve() not in above:
            found += _search(child, root, places, subjects, above)
    return found


def leads_nowhere(file: Path) -> bool:
    """Whether it is a link to what does not exist."""
    return file.is_symlink() and not file.exists()


def _first(folder: Path, above: tuple[Path, ...] = ()) -> Path | None:
    """The first file in another format, in the folder or in those in it."""
    files, folders = files_and_folders(folder) or ([], [])
    file = next((file for file in files if other_format(file.name)), None)
    file = file or next((file for file in islice(files, OPENED) if is_dicom(file)), None)
    above = (*above, folder.resolve())
    return file or next(filter(None, (_first(child, above) for child in folders if child.resolve() not in above)), None)


def _format_of(file: Path) -> tuple[str, str]:
    return other_format(file.name) or DICOM


def is_dicom(file: Path) -> bool:
    """Whether the file has DICOM's mark, `DICM` after 128 bytes; its name often has no ending."""
    try:
        with file.open("rb") as content:
            return content.read(132)[128:] == b"DICM"
    except OSError:
        return False

# SPDX-License-Identifier: Apache-2.0
"""Find the subjects of a dataset folder, in whichever of the common namings, and what each of them has."""

import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch

from scripts.common.errors import UserError
from scripts.common.sequences import (
    MSD_ORDER,
    SEPARATORS,
    SEQUENCES,
    nifti_stem,
    ordered,
    parse_files,
    possible_sequences,
    sequence_of_folder,
    sequence_of_name,
)
from scripts.data.datalist_json import subjects_in_json

UNDERSTOOD = (
    "a folder of subject folders in BraTS naming (BraTS2021_00006/BraTS2021_00006_t1ce.nii.gz, or "
    "BraTS-GLI-00005-000/BraTS-GLI-00005-000-t1c.nii.gz), in which each sequence may have a folder of its own "
    "(P1/T1CE/P1_t1ce.nii.gz), files named <subject>_<sequence>.nii.gz in one folder, BIDS "
    "(sub-01/anat/sub-01_T1w.nii.gz), MSD Task01_BrainTumour, or a folder with a dataset.json"
)


def subjects_in(
    dataset_dir: str | Path, sequences: str | Iterable[str], labelled: bool = True, label_convention: str | None = None
) -> list[dict]:
    """The subjects of a folder as datalist items, sorted by name. No scan is opened, none is checked for completeness.

    Args:
        dataset_dir: folder in one of the namings of `UNDERSTOOD`; parent folders such as HGG and LGG may lie between.
        sequences: which sequences the items shall name (t1, t1ce, t2, flair).
        labelled: also name the label maps, and leave out what dataset.json lists without one (MSD's imagesTs).
        label_convention: of all label maps (`scripts.common.labels.LABEL_CONVENTIONS`); by default as the names of the files or dataset.json
            tell.

    Returns:
        Items `{"subject", "numbering", and as found t1, t1ce, t2, flair, label, maps, part}` with absolute paths; a
        volume of a 4D file is `{"file", "volume"}`; `part` is the part of dataset.json that lists the subject;
        `ignored` names files that look like a sequence that the subject lacks (`S1_t1ce_mprage.nii.gz`) and are not
        understood. Every subject is listed, also one that lacks what is asked for (see `missing` and `require`).
        Subject folders of one name in several folders are called by their path, as LUMIERE's
        `Patient-001_week-000-1`; label maps in a folder of their own join the subjects that they are named after.
        A folder whose scans all begin alike is one subject, called after the folder; where they begin differently, or
        lie beside folders of subjects, each beginning is a subject. The scans of a folder that is called after their
        sequence (`P1/T1CE`) count as those of the folder above; so do a subject's that lie below the folder of its name
        one by one (`P1/post/P1_t1ce.nii.gz`, `P1/other/P1_flair.nii.gz`) or beside scans of its own. Links to a folder
        that they lie in are not followed. A folder that cannot be read is left out with a warning.

    Raises:
        UserError: no such folder, nothing understood in it, two files or folders that claim the same place, or files
            of which it is not clear whose or which sequence they are.
    """
    root = Path(dataset_dir).expanduser()
    wanted = set(ordered(sequences)) | ({"label"} if labelled else set())
    if not os.path.exists(root):  # false, too, in a folder that may not be entered, where `root.exists()` raises
        raise UserError(f"The dataset folder {root} does not exist: give an existing one as dataset_dir.")
    if not root.is_dir():
        raise UserError(f"{root} is a file, and dataset_dir must be a folder: give the folder that holds it.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(f"The dataset folder {root} may not be read: allow it, or give another dataset_dir.")
    root = root.absolute()
    if not any(_visible(root)):
        raise UserError(f"The dataset folder {root} is empty: fill it, or give another dataset_dir ({UNDERSTOOD}).")
    if (root / "dataset.json").is_file():
        found = subjects_in_json(root / "dataset.json", labelled)
    elif (root / "imagesTr").is_dir() or (root / "imagesTs").is_dir():
        found = _msd_without_json(root, labelled)
    else:
        found = _by_path(_as_items(_in_folder(root)), root)
    if not found:
        raise UserError(f"No subject was found in {root}: what is understood is {UNDERSTOOD}.")
    places = {}
    for item, place in found:
        if item["subject"] in places:
            raise UserError(
                f"The subject {item['subject']} occurs twice, in {places[item['subject']]} and {place}: "
                "rename or remove one."
            )
        places[item["subject"]] = place
    keep = wanted | {"subject", "patient", "label_convention", "maps", "part", "empty_parts", "ignored"}
    items = [{key: value for key, value in item.items() if key in keep} for item, _ in found]
    for item in items:  # only now: two files of a sequence that nobody asked for do no harm
        for name, source in item.items():
            if isinstance(source, list):
                raise UserError(
                    f"{item['subject']}: {source[0]} and {source[1]} both claim to be the {name}: "
                    "keep one, and move the other elsewhere."
                )
        item["label_convention"] = label_convention or item["label_convention"]
    return sorted(items, key=lambda item: item["subject"])


def missing(item: dict, sequences: str | Iterable[str], label: bool = False) -> list[str]:
    """Which of the sequences (and `label`, on request) an item does not have, or has a path of no existing file for."""
    names = [*ordered(sequences), *(["label"] if label else [])]
    return [name for name in names if name not in item or not _there(item[name])]


def present(item: dict) -> tuple[str, ...]:
    """The sequences that an item has, as existing files or as arrays, in the teacher's order."""
    lacking = missing(item, SEQUENCES)
    return tuple(name for name in SEQUENCES if name not in lacking)


def require(items: list[dict], sequences: str | Iterable[str], label: bool = True) -> list[dict]:
    """The same items, after checking that each has all the sequences, and its label map unless `label` is false.

    Raises:
        UserError: names up to three of the incomplete subjects with what they lack.
    """
    lacking = {item["subject"]: missing(item, sequences, label) for item in items}
    lacking = {subject: names for subject, names in lacking.items() if names}
    if not lacking:
        return items
    first = "; ".join(f"{subject} lacks {', '.join(names)}" for subject, names in list(lacking.items())[:3])
    raise UserError(
        f"{len(lacking)} of {len(items)} subjects are incomplete: {first}{'; ...' if len(lacking) > 3 else ''}. "
        "Add the files, or take the subjects out of the folder."
    )


def _there(source) -> bool:
    if isinstance(source, torch.Tensor):
        return True
    return Path(source["file"] if isinstance(source, dict) else source).is_file()


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))


class _Subject(NamedTuple):
    name: str
    beginning: str  # of its files' names: what stands before the sequence
    place: Path  # its folder, or one of its files where the folder is not its own
    files: list[tuple[Path, str]]  # each with its sequence or `label`; none in a folder without any that is understood
    beside: list[str]  # names of the files that lie with them
    to_join: bool = False  # a label map from a folder without scans

    def sequences(self) -> set[str]:
        return {name for _, name in self.files} - {"label"}


def _in_folder(folder: Path, above: tuple[Path, ...] = ()) -> list[_Subject]:
    """The subjects of a folder's files and of its folders; `above` are the folders that it lies in, links resolved."""
    contents = _contents(folder)
    if contents is None:
        return []
    files, folders = contents
    scans = [(path, *understood) for path, understood in parse_files(files).items()]
    beside = [path.name for path in files]
    within = (*above, folder.resolve())
    below = []
    for child in folders:
        if child.resolve() in within:
            continue
        inside = _in_folder(child, within)
        if sequence_of_folder(child.name) in SEQUENCES:
            beside += [f"{child.name}/{name}" for subject in inside for name in subject.beside]
        if _is_of_one_sequence(child, inside):
            scans += [
                (path, subject.beginning or ("" if subject.place == child else subject.place.name), name)
                for subject in inside
                for path, name in subject.files
            ]
        else:
            below += inside
    parts = _parts(folder, scans, below)
    scans += [(path, subject.beginning, name) for subject in parts for path, name in subject.files]
    beside += [name for subject in parts for name in subject.beside]
    below = [subject for subject in below if subject not in parts]
    if not any(subject.files for subject in below):
        below = []  # only beside subjects is a folder without any a subject that lacks everything
    its_own = bool(above) and not any(subject.sequences() for subject in below)
    found = _of_files(folder, scans, beside, its_own) + below
    if above and not found and (not files + folders or any(nifti_stem(path.name) for path in files + folders)):
        return [_Subject(folder.name, "", folder, [], beside)]
    return found


def _parts(folder: Path, scans: list[tuple[Path, str, str]], below: list[_Subject]) -> list[_Subject]:
    """Which of the subjects `below` are the folder's own: called like it, and it has scans, or each has one sequence.

    One sequence each, but not the same in all, as at time points.
    """
    home = _home(folder)
    own = next((path for path, before, name in scans if (before or home) == home and name != "label"), None)
    nameless = next((subject for subject in below if not subject.beginning and subject.sequences()), None)
    if own and nameless:
        raise UserError(
            f"{own} lies beside the folder of {nameless.files[0][0]}, and it is not clear whether both are of one "
            "subject: begin the files' names with the subject's, as <subject>_t1ce.nii.gz, or move one elsewhere."
        )
    parts = [subject for subject in below if subject.beginning == home and subject.sequences()]
    held = [subject.sequences() for subject in parts]
    one_each = all(len(names) == 1 for names in held) and len(set().union(*held)) > 1
    return parts if own or one_each else []


def _contents(folder: Path) -> tuple[list[Path], list[Path]] | None:
    """Files and folders; None, with a warning, if it cannot be read."""
    try:
        entries = _visible(folder)
        return [path for path in entries if path.is_file()], [path for path in entries if path.is_dir()]
    except OSError as error:
        warnings.warn(f"{folder} cannot be read ({error.strerror}), so it is left out.", stacklevel=2)
        return None


def _home(folder: Path) -> str:
    """What a subject is called by its folder, in BIDS the one above `anat`."""
    return folder.parent.name if folder.name == "anat" else folder.name


def _is_of_one_sequence(folder: Path, inside: list[_Subject]) -> bool:
    """Whether a folder is called after a sequence and holds no other, so that it is no subject's."""
    called = sequence_of_folder(folder.name)
    held = set().union(*(subject.sequences() for subject in inside))
    if called not in SEQUENCES or len(held) != 1:
        return False
    if held != {called}:
        file = next(path for subject in inside for path, name in subject.files if name in held)
        raise UserError(
            f"{file} lies in a folder called {folder.name}, but its own name says {held.pop()}: "
            "rename one of the two, so that both say the same sequence."
        )
    return True


def _of_files(folder: Path, scans: list[tuple[Path, str, str]], beside: list[str], its_own: bool) -> list[_Subject]:
    """A subject for each beginning of the scans' names; a single one, if the folder is `its_own`, is called after it.

    Label maps alone, unless of the subject that the folder is called after, are for `_as_items`.
    """
    home = _home(folder)
    beginnings = {before or home for _, before, name in scans if name != "label"}
    if not beginnings:
        return [
            _Subject(before, before, path, [(path, name)], [], to_join=True)
            for path, before, name in scans
            if before not in ("", folder.name)
        ]
    single = len(beginnings) == 1
    of_subject = {}
    for path, before, name in scans:
        subject = next(iter(beginnings)) if single else before or home
        of_subject.setdefault(subject, []).append((path, before, name))
    found = []
    for subject, own in of_subject.items():
        named_after = re.compile(rf"{re.escape(subject)}[{SEPARATORS}]")
        found.append(
            _Subject(
                name=folder.name if single and its_own and folder.name != "anat" else subject,
                beginning=max(before for _, before, name in own if name != "label" or not single),
                place=folder if single and its_own or subject == home else own[0][0],
                files=[(path, name) for path, _, name in own],
                beside=[name for name in beside if single or named_after.match(Path(name).name)],
            )
        )
    return found


def _as_items(subjects: list[_Subject]) -> list[tuple[dict, Path]]:
    """Items with their places; label maps of folders of their own, as UPENN-GBM's `images_segm`, join those without."""
    labels = {}
    for subject in subjects:
        if subject.to_join:
            labels.setdefault(subject.name, []).extend(subject.files)
    found = []
    for subject in subjects:
        if not subject.to_join:
            has_label = any(name == "label" for _, name in subject.files)
            item = _item(subject.name, subject.files + ([] if has_label else labels.get(subject.name, [])))
            found.append((item | _ignored(subject.beside, item), subject.place))
    return found


def _by_path(found: list[tuple[dict, Path]], root: Path) -> list[tuple[dict, Path]]:
    """Where folders of one name are several subjects, call all by the path that leads to them."""
    names = [item["subject"] for item, _ in found]
    if len(names) > len(set(names)):
        for item, place in found:
            if place.is_dir() and place != root and place.name == item["subject"]:
                item["subject"] = "_".join(place.relative_to(root).parts)
    return found


def _ignored(files: list[str], item: dict) -> dict:
    strange = [name for name in files if possible_sequences(name) - item.keys()]
    return {"ignored": ", ".join(strange)} if strange else {}


def _item(subject: str, files: list[tuple[Path, str]]) -> dict:
    """An item in which a sequence that several files claim has the list of them."""
    item = {"subject": subject, "label_convention": _convention(subject, [path.name for path, _ in files])}
    for name in dict.fromkeys(name for _, name in files):
        claims = [str(path) for path, other in files if other == name]
        item[name] = claims[0] if len(claims) == 1 else claims
    return item


def _convention(subject: str, filenames: list[str]) -> str:
    """BraTS 2023 and later are told by their subject names or by their ending t1n or t2f."""
    endings = {re.split(rf"[{SEPARATORS}]", nifti_stem(name).lower())[-1] for name in filenames}
    new = re.match(r"BraTS-[A-Z]+-\d", subject, re.IGNORECASE) or endings & {"t1n", "t2f"}
    return "brats2023" if new else "brats"


def _msd_without_json(root: Path, labelled: bool) -> list[tuple[dict, Path]]:
    """Task01_BrainTumour whose dataset.json was lost: its order of volumes is known."""
    found = []
    for images, labels in (("imagesTr", "labelsTr"), *([] if labelled else [("imagesTs", "labelsTs")])):
        contents = _contents(root / images) if (root / images).is_dir() else None
        for path in contents[0] if contents else []:
            stem = nifti_stem(path.name)
            if stem is None or sequence_of_name(stem):
                continue
            item = {"subject": stem, "label_convention": "msd"}
            item |= {name: {"file": str(path), "volume": volume} for volume, name in enumerate(MSD_ORDER)}
            if (root / labels / path.name).is_file():
                item["label"] = str(root / labels / path.name)
            found.append((item, path))
    return found

# SPDX-License-Identifier: Apache-2.0
"""Find the subjects of a dataset folder, in whichever of the common namings, and what each of them has."""

import re
from collections.abc import Iterable
from pathlib import Path

import torch

from scripts.datalist_json import subjects_in_json
from scripts.errors import UserError
from scripts.sequences import (
    MSD_ORDER,
    SEPARATORS,
    SEQUENCES,
    nifti_stem,
    ordered,
    parse_filename,
    resembles,
    sequence_of_name,
)

UNDERSTOOD = (
    "a folder of subject folders in BraTS naming (BraTS2021_00006/BraTS2021_00006_t1ce.nii.gz, or "
    "BraTS-GLI-00005-000/BraTS-GLI-00005-000-t1c.nii.gz), files named <subject>_<sequence>.nii.gz in one folder, BIDS "
    "(sub-01/anat/sub-01_T1w.nii.gz), MSD Task01_BrainTumour, or a folder with a dataset.json"
)

ALL_OF_A_SUBJECT = {*SEQUENCES, "label"}


def subjects_in(
    dataset_dir: str | Path, sequences: str | Iterable[str], labelled: bool = True, numbering: str | None = None
) -> list[dict]:
    """The subjects of a folder as datalist items, sorted by name. No scan is opened, none is checked for completeness.

    Args:
        dataset_dir: folder in one of the namings of `UNDERSTOOD`; parent folders such as HGG and LGG may lie between.
        sequences: which sequences the items shall name (t1, t1ce, t2, flair).
        labelled: also name the label maps, and leave out what dataset.json lists without one (MSD's imagesTs).
        numbering: of all label maps (`scripts.labels.NUMBERINGS`); by default as the names of the files or dataset.json
            tell.

    Returns:
        Items `{"subject", "numbering", and as found t1, t1ce, t2, flair, label, maps, part}` with absolute paths; a
        volume of a 4D file is `{"file", "volume"}`; `part` is the part of dataset.json that lists the subject;
        `ignored` names files that look like a sequence that the subject lacks (`S1_t1ce_mprage.nii.gz`) and are not
        understood. Every subject is listed, also one that lacks what is asked for (see `missing` and `require`).
        Subject folders of one name in several folders are called by their path, as LUMIERE's
        `Patient-001_week-000-1`; label maps in a folder of their own join the subjects that they are named after.

    Raises:
        UserError: no such folder, nothing understood in it, or two files or folders that claim the same place.
    """
    root = Path(dataset_dir).expanduser()
    wanted = set(ordered(sequences)) | ({"label"} if labelled else set())
    if not root.exists():
        raise UserError(f"The dataset folder {root} does not exist: give an existing one as dataset_dir.")
    if not root.is_dir():
        raise UserError(f"{root} is a file, and dataset_dir must be a folder: give the folder that holds it.")
    root = root.absolute()
    if not any(_visible(root)):
        raise UserError(f"The dataset folder {root} is empty: fill it, or give another dataset_dir ({UNDERSTOOD}).")
    if (root / "dataset.json").is_file():
        found = subjects_in_json(root / "dataset.json", labelled)
    elif (root / "imagesTr").is_dir() or (root / "imagesTs").is_dir():
        found = _msd_without_json(root, labelled)
    else:
        found = _by_path(_join_labels(_in_folder(root, top=True), root), root)
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
    keep = wanted | {"subject", "patient", "numbering", "maps", "part", "empty_parts", "ignored"}
    items = [{key: value for key, value in item.items() if key in keep} for item, _ in found]
    for item in items:  # only now: two files of a sequence that nobody asked for do no harm
        for name, source in item.items():
            if isinstance(source, list):
                raise UserError(
                    f"{item['subject']}: {source[0]} and {source[1]} both claim to be the {name}: "
                    "keep one, and move the other elsewhere."
                )
        item["numbering"] = numbering or item["numbering"]
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


def _in_folder(folder: Path, top: bool = False) -> list[tuple[dict, Path]]:
    """Subjects, each with the place it was found: those of a folder's files, else (at the top: and) of its folders."""
    entries = _visible(folder)
    files = [path for path in entries if path.is_file()]
    named = [(path, *parsed) for path in files if (parsed := parse_filename(path.name))]
    here = _of_files(folder, named, [path.name for path in files], top)
    if here and not top:
        return here
    below = [(path, _in_folder(path)) for path in entries if path.is_dir()]
    found = [subject for _, subjects in below for subject in subjects]
    if found:  # an empty folder, or one of unknown file names, beside subjects is a subject that lacks everything
        found += [
            ({"subject": p.name, "numbering": "brats"}, p) for p, subjects in below if not subjects and _hollow(p)
        ]
    return here + found


def _hollow(folder: Path) -> bool:
    entries = _visible(folder)
    return not entries or any(nifti_stem(entry.name) for entry in entries)


def _of_files(folder: Path, named: list[tuple[Path, str, str]], files: list[str], top: bool) -> list[tuple[dict, Path]]:
    """A subject's folder is one subject whatever its files begin with; the dataset folder may hold several subjects.

    Label maps alone, unless of the subject that the folder is called after, are for `_join_labels`.
    """
    beginnings = sorted({before for _, before, name in named if name != "label"})
    if not beginnings:
        return [
            (_item(before, [(path, name)]), path)
            for path, before, name in named
            if not top and before not in ("", folder.name)
        ]
    if not top or len(beginnings) == 1:
        subject = beginnings[0] or folder.name if top else folder.name
        if subject == "anat":  # BIDS
            subject = beginnings[0] or folder.parent.name
        item = _item(subject, [(path, name) for path, _, name in named])
        return [(item | _ignored(files, item), folder)]
    subjects = {}
    for path, before, name in named:
        subjects.setdefault(before or folder.name, []).append((path, name))
    found = []
    for subject, own in subjects.items():
        item = _item(subject, own)
        named_after = [name for name in files if re.match(rf"{re.escape(subject)}[{SEPARATORS}]", name)]
        found.append((item | _ignored(named_after, item), own[0][0]))
    return found


def _join_labels(found: list[tuple[dict, Path]], root: Path) -> list[tuple[dict, Path]]:
    """Give label maps that lie in a folder of their own, as UPENN-GBM's `images_segm`, to the subjects without one."""
    subjects, alone = [], {}
    for item, place in found:
        if item.keys() & ALL_OF_A_SUBJECT == {"label"} and place.parent != root:
            alone[item["subject"]] = item["label"]
        else:
            subjects.append((item, place))
    for item, _ in subjects:
        if item["subject"] in alone:
            item.setdefault("label", alone[item["subject"]])
    return subjects


def _by_path(found: list[tuple[dict, Path]], root: Path) -> list[tuple[dict, Path]]:
    """Where folders of one name are several subjects, call all by the path that leads to them."""
    names = [item["subject"] for item, _ in found]
    if len(names) > len(set(names)):
        for item, place in found:
            if place.is_dir() and place.name == item["subject"]:
                item["subject"] = "_".join(place.relative_to(root).parts)
    return found


def _ignored(files: list[str], item: dict) -> dict:
    strange = [name for name in files if resembles(name) - item.keys()]
    return {"ignored": ", ".join(strange)} if strange else {}


def _item(subject: str, files: list[tuple[Path, str]]) -> dict:
    """An item in which a sequence that several files claim has the list of them."""
    item = {"subject": subject, "numbering": _numbering(subject, [path.name for path, _ in files])}
    for name in dict.fromkeys(name for _, name in files):
        claims = [str(path) for path, other in files if other == name]
        item[name] = claims[0] if len(claims) == 1 else claims
    return item


def _numbering(subject: str, filenames: list[str]) -> str:
    """BraTS 2023 and later are told by their subject names or by their ending t1n or t2f."""
    endings = {re.split(rf"[{SEPARATORS}]", nifti_stem(name).lower())[-1] for name in filenames}
    new = re.match(r"BraTS-[A-Z]+-\d", subject, re.IGNORECASE) or endings & {"t1n", "t2f"}
    return "brats2023" if new else "brats"


def _msd_without_json(root: Path, labelled: bool) -> list[tuple[dict, Path]]:
    """Task01_BrainTumour whose dataset.json was lost: its order of volumes is known."""
    found = []
    for images, labels in (("imagesTr", "labelsTr"), *([] if labelled else [("imagesTs", "labelsTs")])):
        for path in _visible(root / images) if (root / images).is_dir() else []:
            stem = nifti_stem(path.name)
            if stem is None or sequence_of_name(stem):
                continue
            item = {"subject": stem, "numbering": "msd"}
            item |= {name: {"file": str(path), "volume": volume} for volume, name in enumerate(MSD_ORDER)}
            if (root / labels / path.name).is_file():
                item["label"] = str(root / labels / path.name)
            found.append((item, path))
    return found

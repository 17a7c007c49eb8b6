# SPDX-License-Identifier: Apache-2.0
"""List the subjects of a dataset folder with the files that each of them has."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from scripts.common.errors import UserError
from scripts.common.label_map_state import MADE, record_path, state_of
from scripts.common.namings import understood
from scripts.common.printable import LONGEST_NAME, name_problem, printable, shortened
from scripts.common.sequences import SEQUENCES, ordered
from scripts.data.datalist_json import msd_without_json, subjects_in_json
from scripts.data.item_files import file_of
from scripts.data.other_formats import subjects_in_other_formats
from scripts.data.subject_folders import files_and_folders, subjects_in_folders


def subjects_in(
    dataset_dir: str | Path,
    sequences: str | Iterable[str],
    labelled: bool = True,
    label_convention: str | None = None,
    label_needed: bool = True,
) -> list[dict]:
    """The subjects of a folder as datalist items, sorted by name. No scan is opened.

    Args:
        dataset_dir: folder in one of the namings of `scripts.common.namings`, searched with all folders in it
            (`scripts.data.subject_folders`), or with a dataset.json (`scripts.data.datalist_json`).
        sequences: which sequences the items shall name (t1, t1ce, t2, flair).
        labelled: also name the label maps, and leave out what dataset.json lists without one (MSD's imagesTs).
        label_convention: of all label maps (`scripts.common.labels.LABEL_CONVENTIONS`); None for the one that the
            names of the files or dataset.json tell.
        label_needed: if false, label maps are named where they are, but nobody is left out or refused for want of one.
            A label map that inference has made is not named; the item has `not_expert`, a sentence, instead.

    Returns:
        Items with `subject` and `label_convention`, and, if there, t1, t1ce, t2, flair, `label`, and `maps` (of a
        simulated subject) as absolute paths, or `{"file", "volume"}` for a volume of a 4D file. dataset.json adds
        `part`, the part that lists the subject, `empty_parts`, those that it lists as empty, and `patient`. `ignored`
        names files that may be a sequence that the subject lacks (`S1_t1ce_mprage.nii.gz`), but whose names are not
        understood. Incomplete subjects are listed too (see `missing_files` and `require_complete`). Unless `labelled`,
        `beside` names sequences that an incomplete subject has and nobody asked for, and subjects that cannot be used
        have `error`, a sentence: scans in other formats than NIfTI (`scripts.data.other_formats`), and names that
        cannot be printed or are too long.

    Raises:
        UserError: no such folder, no subject in it, two files or folders that claim the same place, or files whose
            subject or sequence is not clear.
    """
    try:
        return _subjects_in(Path(os.path.expanduser(dataset_dir)), sequences, labelled, label_convention, label_needed)
    except UserError as error:
        error.args = (printable(str(error)),)  # names of files may have line breaks
        raise


def _subjects_in(root: Path, sequences, labelled: bool, label_convention: str | None, label_needed: bool) -> list[dict]:
    _check_folder(root)
    wanted, places, items = ordered(sequences), {}, []
    for item, place in _found_in(root.absolute(), labelled, label_needed):
        item = with_printable_name(item, place)
        subject = item["subject"]
        if subject in places:
            raise UserError(
                f"The subject {subject} occurs twice, in {places[subject]} and {place}: rename or remove one."
            )
        places[subject] = place
        item = _expert_labelled(item, label_needed) if labelled else item
        item = _with_wanted_files(item, wanted, labelled)
        if labelled and "error" in item:
            raise UserError(item["error"])
        items.append(item | ({"label_convention": label_convention} if label_convention else {}))
    return sorted(items, key=lambda item: item["subject"])


def _check_folder(root: Path) -> None:
    """Refuse a folder that does not exist, may not be read or is empty."""
    if not os.path.exists(root):  # `root.exists()` raises inside a folder that may not be entered
        raise UserError(f"The dataset folder {root} does not exist: give an existing one as dataset_dir.")
    if not root.is_dir():
        raise UserError(f"{root} is a file, and dataset_dir must be a folder: give the folder that holds it.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(f"The dataset folder {root} may not be read: allow it, or give another dataset_dir.")
    if not any(files_and_folders(root) or ()):
        raise UserError(f"The dataset folder {root.absolute()} is empty: fill it, or give another dataset_dir.")


def _found_in(root: Path, labelled: bool, label_needed: bool) -> list[tuple[dict, object]]:
    """(item, place) of each subject: from dataset.json, or by the names of folders and files."""
    if (root / "dataset.json").is_file():
        found = subjects_in_json(root / "dataset.json", labelled and label_needed)
    elif (root / "imagesTr").is_dir() or (root / "imagesTs").is_dir():
        found = msd_without_json(root, labelled and label_needed)
    else:
        found = subjects_in_folders(root)
        others = subjects_in_other_formats(root, found)
        if not labelled:
            found += others
        elif others and not found:
            raise UserError(others[0][0]["error"])
        for item, _ in others if labelled else ():
            warnings.warn(item["error"], stacklevel=2)
    if not found:
        raise UserError(
            f"No subject was found in {root}: name the files in one of these ways, or add a dataset.json: "
            f"{understood()}."
        )
    return found


def _expert_labelled(item: dict, label_needed: bool) -> dict:
    """The item without a label map that inference has made, which is refused where a label is needed."""
    if not isinstance(item.get("label"), str) or not _made_by_inference(Path(item["label"])):
        return item
    sentence = (
        f"{item['subject']}: {item['label']} was made by inference, as the record beside it says, so it is no expert's: "
        "correct it (a changed one counts as yours), or move both files elsewhere."
    )
    if label_needed:
        raise UserError(sentence)
    return {key: value for key, value in item.items() if key != "label"} | {"not_expert": sentence}


def _with_wanted_files(item: dict, sequences: Sequence[str], labelled: bool) -> dict:
    """The item with the wanted files alone; with `error` where two files claim to be the same one."""
    unwanted = {*SEQUENCES, "label"} - {*sequences, *(["label"] if labelled else [])}
    beside = [name for name in SEQUENCES if name in item and name in unwanted]
    item = {key: value for key, value in item.items() if key not in unwanted}
    if beside and not labelled and not item.keys() >= set(sequences):
        item["beside"] = ", ".join(beside)
    for name, files in item.items():
        if isinstance(files, list):
            sentence = f"{files[0]} and {files[1]} both claim to be the {name}: keep one, and move the other elsewhere."
            return {"subject": item["subject"], "error": f"{item['subject']}: {printable(sentence)}"}
    return item


def _made_by_inference(label_map: Path) -> bool:
    return os.path.isfile(record_path(label_map)) and state_of(label_map) == MADE


def with_printable_name(item: dict, place) -> dict:
    """The item, with an `error` if its subject's name cannot be that of the results."""
    problem = name_problem(item["subject"])
    if problem is None:
        return item
    subject = shortened(printable(item["subject"]), LONGEST_NAME // 2)
    where = shortened(printable(str(place)))
    sentence = f"{subject}: the name of this subject {problem}, and results are named after it: rename {where}."
    return item | {"subject": subject, "error": sentence}


def missing_files(item: dict, sequences: str | Iterable[str], label: bool = False) -> list[str]:
    """Those of the sequences (and `label`, on request) that an item does not name, or whose file does not exist."""
    names = [*ordered(sequences), *(["label"] if label else [])]
    return [name for name in names if name not in item or not _exists(item[name])]


def sequences_present(item: dict) -> tuple[str, ...]:
    """The sequences that an item has, as existing files or as arrays, in the teacher's order."""
    lacking = missing_files(item, SEQUENCES)
    return tuple(name for name in SEQUENCES if name not in lacking)


def require_complete(items: list[dict], sequences: str | Iterable[str], label: bool = True) -> list[dict]:
    """The same items, after checking that each has all the sequences, and its label map unless `label` is false.

    Raises:
        UserError: names up to three of the incomplete subjects with what they lack.
    """
    lacking = {item["subject"]: missing_files(item, sequences, label) for item in items}
    lacking = {subject: names for subject, names in lacking.items() if names}
    if not lacking:
        return items
    first = "; ".join(f"{subject} lacks {', '.join(names)}" for subject, names in list(lacking.items())[:3])
    raise UserError(
        f"{len(lacking)} of {len(items)} subjects are incomplete: {first}{'; ...' if len(lacking) > 3 else ''}. "
        "Add the files, or take the subjects out of the folder."
    )


def _exists(source) -> bool:
    if isinstance(source, torch.Tensor):
        return True
    return os.path.isfile(file_of(source))  # false for a path that is too long

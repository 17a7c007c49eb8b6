# SPDX-License-Identifier: Apache-2.0
"""Divide subjects into training, validation and test: by a split file, a fold, dataset.json, or a seeded draw."""

import hashlib
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from scripts.common.choices import PARTS
from scripts.common.errors import UserError
from scripts.common.json_files import read_json
from scripts.common.namings import patient_of_subject
from scripts.common.printable import some_of
from scripts.data.item_files import has_label_map


def split(
    items: list[dict],
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    split_file: str | Path | None = None,
    allow_shared_patients: bool = False,
) -> dict[str, list[dict]]:
    """Divide datalist items into `training`, `validation` and `test`, each sorted by subject.

    The first of these that is given decides: `split_file`; `fold`; the parts in dataset.json (a part that it lacks is
    drawn from its training subjects, one that it lists as empty stays empty); the fractions. All time points of a
    patient (`patient_of`) go to one part. A draw depends on names and seed only, not on the order of the items, the
    machine or library versions. Patients without a label map are not drawn, but are training subjects, as nothing could
    be measured on them; if no item has one, all are drawn.

    Args:
        items: from `scripts.data.datalist.subjects_in`.
        validation, test: fraction of these patients that goes to the part, at least one patient; 0 leaves it empty.
        seed: of the draw.
        fold: 0 to `folds` - 1: the patients of this fold are the test part; validation is drawn from the others.
        folds: number of folds.
        split_file: JSON with the three lists of subject names, followed exactly.
        allow_shared_patients: whether dataset.json or the split file may put time points of one patient into several
            parts. The results on the test part are then better than those on new patients.

    Returns:
        The three lists of items.

    Raises:
        UserError: too few subjects for the parts, arguments out of range, a split file that cannot be followed, or a
            patient in several parts.
    """
    items = sorted(items, key=lambda item: item["subject"])
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise UserError(
            f"The fractions are validation {validation} and test {test}, but must not be negative, and must add up to "
            "less than 1: choose for example 0.1 and 0.2."
        )
    if split_file is not None:
        return _apart(_by_file(items, Path(split_file)), allow_shared_patients, str(split_file))
    patients = {patient_of(item) for item in items}
    drawn = in_drawn_order({patient_of(item) for item in items if has_label_map(item)} or patients, seed)
    parts_given = {part for item in items if "part" in item for part in (item["part"], *item.get("empty_parts", ()))}
    if fold is not None:
        if folds < 2 or not 0 <= fold < folds:
            raise UserError(f"fold {fold} of {folds} folds does not exist: choose 0 to folds - 1, and folds from 2.")
        if len(drawn) < folds:
            kind = "patients" if len(drawn) == len(patients) else "patients with a label map"
            raise UserError(f"{len(drawn)} {kind} cannot make {folds} folds: add subjects or choose fewer folds.")
        chosen = {"test": drawn[fold::folds]}
    elif parts_given - {"training"} and all("part" in item for item in items):
        parts = _as_given(items, parts_given, drawn, {"validation": validation, "test": test})
        return _apart(parts, allow_shared_patients, "dataset.json")
    else:
        chosen = {"test": drawn[: _size(test, len(drawn))]}
    rest = [patient for patient in drawn if patient not in chosen["test"]]
    size = _size(validation, len(drawn))
    chosen |= {"validation": rest[:size], "training": [*rest[size:], *patients.difference(drawn)]}
    _check_enough(chosen, {"validation": validation, "test": test}, len(drawn))
    return {part: [item for item in items if patient_of(item) in set(chosen[part])] for part in PARTS}


def part_of(items: list[dict], part: str, **split_arguments) -> list[dict]:
    """The items of one part (training, validation or test) of a `split`, or with ``all`` every item.

    Raises:
        UserError: an unknown part, or as `split`.
    """
    if part == "all":
        return items
    if part not in PARTS:
        raise UserError(f"part is '{part}': choose one of {', '.join(PARTS)} or all.")
    return split(items, **split_arguments)[part]


def in_drawn_order(names: Iterable[str], seed: int = 0) -> list[str]:
    """The names in a random order that depends on the names and the seed only."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def patient_of(item: dict) -> str:
    """The patient of a datalist item: its `patient` (from dataset.json, or a time point's folder), else by its subject's name, as
    `scripts.common.namings` has it, so that `BraTS-GLI-00005-001` is of the patient `BraTS-GLI-00005`."""
    return str(item.get("patient") or patient_of_subject(item["subject"]))


def of_shared_patients(items: Iterable[dict], others: Iterable[dict]) -> list[dict]:
    """The items whose patient is among the others. Simulated subjects of two cohorts share their names only."""
    maps = {}
    for item in others:
        maps.setdefault(patient_of(item), []).append(_maps_of(item))

    def is_shared(item: dict) -> bool:
        own = _maps_of(item)
        return any(own is None or other is None or own == other for other in maps.get(patient_of(item), ()))

    return [item for item in items if is_shared(item)]


def _maps_of(item: dict) -> str | None:
    """The file of a simulated subject's maps, without links and `..`, so that one cohort under two paths is the same."""
    return os.path.realpath(item["maps"]) if "maps" in item else None


def _apart(parts: dict[str, list[dict]], allow_shared_patients: bool, source: str) -> dict[str, list[dict]]:
    """The same parts, after checking that no patient is in several of them."""
    places = {}
    for part in PARTS:
        for item in parts[part]:
            places.setdefault(patient_of(item), {}).setdefault(part, item["subject"])
    shared = {patient: there for patient, there in places.items() if len(there) > 1}
    if not shared or allow_shared_patients:
        return parts
    patient, there = next(iter(shared.items()))
    example = ", ".join(f"{subject} in {part}" for part, subject in there.items())
    raise UserError(
        f"{source} puts time points of {'one patient' if len(shared) == 1 else f'{len(shared)} patients'} into several "
        f"parts, such as those of {patient} ({example}): put them into one part, or allow it with "
        "--split#allow_shared_patients true."
    )


def _size(fraction: float, count: int) -> int:
    return max(1, round(fraction * count)) if fraction else 0


def _check_enough(chosen: dict[str, list], fractions: dict[str, float], count: int) -> None:
    lacking = [part for part in PARTS if not chosen[part] and fractions.get(part, 1) > 0]
    if lacking:
        raise UserError(
            f"{count} patients are too few: none is left for {' and '.join(lacking)}. Add subjects, or set the "
            "fraction of validation or test to 0."
        )


def _as_given(items: list[dict], given: set[str], drawn: list[str], fractions: dict[str, float]) -> dict:
    chosen = {part: [item for item in items if item["part"] == part] for part in PARTS}
    if not chosen["training"]:
        raise UserError(
            f"dataset.json lists subjects for {' and '.join(sorted(given))} only: list some for training, or measure all "
            "of them with `evaluating` and --part all."
        )
    for part in ("test", "validation"):
        if part not in given:
            there = {patient_of(item) for item in chosen["training"]}
            pool = [patient for patient in drawn if patient in there]
            taken = set(pool[: _size(fractions[part], len(pool))])
            chosen[part] = [item for item in chosen["training"] if patient_of(item) in taken]
            chosen["training"] = [item for item in chosen["training"] if patient_of(item) not in taken]
    _check_enough(chosen, {part: 0 if part in given else size for part, size in fractions.items()}, len(drawn))
    return chosen


def _by_file(items: list[dict], path: Path) -> dict[str, list[dict]]:
    if not path.is_file():
        raise UserError(f"The split file {path} does not exist: give an existing one, or leave split_file out.")
    try:
        lists = read_json(path)
    except ValueError as error:
        raise UserError(f"The split file {path} is not valid JSON ({error}): correct it.") from error
    if not isinstance(lists, dict) or not all(isinstance(lists.get(part), list) for part in PARTS):
        raise UserError(
            f"The split file {path} is not understood: write it as "
            '{"training": ["subject", ...], "validation": [...], "test": [...]}.'
        )
    named = [str(subject) for part in PARTS for subject in lists[part]]
    twice = sorted({subject for subject in named if named.count(subject) > 1})
    if twice:
        raise UserError(
            f"The split file {path} names {some_of(twice, 5)} more than once: keep each subject in one part."
        )
    if not lists["training"]:
        raise UserError(f"The split file {path} has no training subjects: add some.")
    by_name = {item["subject"]: item for item in items}
    absent = [subject for subject in named if subject not in by_name]
    if absent:
        raise UserError(
            f"The split file {path} names {len(absent)} of its {len(named)} subjects that are not in the dataset: "
            f"{some_of(absent, 5)}. Add them to the dataset folder, or take them out of the split file."
        )
    extra = [subject for subject in by_name if subject not in set(named)]
    if extra:
        warnings.warn(
            f"{len(extra)} of {len(items)} subjects are not in {path} and stay unused: {some_of(extra, 5)}.",
            stacklevel=2,
        )
    return {part: [by_name[subject] for subject in sorted(map(str, lists[part]))] for part in PARTS}

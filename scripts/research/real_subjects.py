# SPDX-License-Identifier: Apache-2.0
"""Real subjects of several collections as one dataset folder, with the split file of each fold of a cross-validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from scripts.common.errors import UserError
from scripts.common.json_files import read_json, save_json
from scripts.common.namings import patient_of_subject
from scripts.data.splits import in_drawn_order

# Those that a table of subjects in a plan may have, and must have.
ENTRIES = {"trained", "collections", "folds", "left_out", "same_patient", "unlabelled"}
NEEDED = {"collections", "folds"}
# The split file of the networks that are published, which have been trained on every subject.
ALL = "all"


def gather(real: Mapping, folder: str | Path) -> list[str]:
    """Make ``<folder>/subjects``, with a link to each subject, and ``<folder>/<split>.json`` of every split.

    Args:
        real: ``collections`` (folders of subjects, by the name of the collection that they are reported under),
            ``folds`` (their number), and optionally ``trained`` (folders of subjects that the starting network has been
            trained on: they are for training in every fold), ``left_out`` (subjects), ``same_patient`` (lists of
            subjects that stay in one fold), ``unlabelled`` (names of collections, or a number: the share of each
            collection's training patients whose label maps are not to be used).
        folder: where they go.

    Returns:
        The names of the splits: ``all`` and ``fold0``, ``fold1``, ... With ``unlabelled``, each fold also has a split
        ``fold0_labelled``, and a folder ``fold0_unlabelled`` of links to the other training subjects.

    Raises:
        UserError: an unknown collection, a folder that does not exist, or split files of
            another draw.
    """
    left_out = set(real.get("left_out", ()))
    trained = _subjects(real.get("trained", ()), left_out)
    collections = {name: _subjects(folders, left_out) for name, folders in real["collections"].items()}
    _check_apart({"trained": trained} | collections, real.get("same_patient", ()))
    folds = draw_folds(collections, real["folds"], real.get("same_patient", ()))
    folder = Path(folder)
    splits = {ALL: (sorted({*trained, *(name for fold in folds for name in fold)}), [])}
    for number, test in enumerate(folds):
        rest = [name for other in folds if other is not test for name in other]
        splits[f"fold{number}"] = sorted([*trained, *rest]), sorted(test)
    aside = {}
    if (unlabelled := real.get("unlabelled")) is not None:
        for number, test in enumerate(folds):
            rest = {name: [s for s in members if s not in test] for name, members in collections.items()}
            aside[number] = _without_labels(rest, unlabelled, real.get("same_patient", ()), seed=number + 1)
            labelled = [name for name in splits[f"fold{number}"][0] if name not in aside[number]]
            splits[f"fold{number}_labelled"] = labelled, sorted(test)
    for name, (training, test) in splits.items():
        _save_split(folder / f"{name}.json", {"training": training, "validation": [], "test": test})
    _link(
        {name: path for subjects in (trained, *collections.values()) for name, path in subjects.items()},
        folder / "subjects",
    )
    for number, without in aside.items():
        _link({name: folder / "subjects" / name for name in without}, folder / f"fold{number}_unlabelled")
    return list(splits)


def _check_apart(collections: Mapping[str, Mapping], same_patient: Sequence[Sequence[str]]) -> None:
    """Refuse a subject, and a patient, of two collections: each collection is divided into folds by itself."""
    place = {}
    for name, subjects in collections.items():
        for subject in subjects:
            if place.setdefault(subject, name) != name:
                raise UserError(f"The subject {subject} is both in {place[subject]} and in {name}: keep it in one.")
    for group in same_patient:
        if len(there := {place[subject] for subject in group if subject in place}) > 1:
            raise UserError(
                f"The patient of {' and '.join(group)} is in {' and '.join(sorted(there))}: put these subjects into one "
                "collection, so that one fold has them."
            )


def _save_split(path: Path, split: dict) -> None:
    """Write a split file. One that differs is kept: networks may have been trained on its subjects."""
    if path.is_file() and read_json(path) != split:
        raise UserError(
            f"{path} divides other subjects, or divides them otherwise, than 'real' in the plan does now: choose another "
            f"folder of trainings, or remove this one with all networks that were trained on it."
        )
    save_json(path, split, indent=1)


def draw_folds(
    collections: Mapping[str, Mapping | Sequence], folds: int, same_patient: Sequence[Sequence[str]] = ()
) -> list[list[str]]:
    """Divide subjects into folds so that each collection is spread evenly and each patient is in one fold.

    The draw depends on the names only: patients are sorted by a hash and dealt out in turn.

    Args:
        collections: subjects by the name of their collection.
        folds: number of folds.
        same_patient: lists of subjects of one patient.
    """
    drawn = [[] for _ in range(folds)]
    for subjects in collections.values():
        members = _by_patient(subjects, same_patient)
        for number, patient in enumerate(in_drawn_order(members)):
            drawn[number % folds] += members[patient]
    return drawn


def with_patients(cases: pd.DataFrame, same_patient: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Cases of an evaluation with the patients that the lists of subjects in ``same_patient`` tell, beside those that
    `scripts.evaluation.summary.read_cases` knows."""
    return cases.assign(patient=cases.subject.map(_patients(same_patient)).fillna(cases.patient))


def _patients(same_patient: Sequence[Sequence[str]]) -> dict[str, str]:
    return {subject: patient_of_subject(group[0]) for group in same_patient for subject in group}


def _by_patient(subjects: Mapping | Sequence[str], same_patient: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """The subjects of each patient, known by their names or from ``same_patient``, by the first of them."""
    patients, members = _patients(same_patient), {}
    for subject in sorted(subjects):
        members.setdefault(patients.get(subject) or patient_of_subject(subject), []).append(subject)
    return {group[0]: group for group in members.values()}


def _without_labels(
    collections: Mapping[str, Sequence[str]],
    unlabelled: float | Sequence[str],
    same_patient: Sequence[Sequence[str]],
    seed: int,
) -> list[str]:
    """The subjects whose label maps are not to be used: of whole collections, or a share of each one's patients.

    With the seed of the folds, patients would have their labels in all folds or in none.
    """
    if not isinstance(unlabelled, (int, float)):
        if unknown := sorted(set(unlabelled) - collections.keys()):
            raise UserError(f"'unlabelled' names '{unknown[0]}': choose from {', '.join(collections)}.")
        return [subject for name in unlabelled for subject in collections[name]]
    chosen = []
    for subjects in collections.values():
        members = _by_patient(subjects, same_patient)
        patients = in_drawn_order(members, seed)
        chosen += [subject for patient in patients[: round(unlabelled * len(patients))] for subject in members[patient]]
    return chosen


def _link(subjects: Mapping[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in (path for path in folder.iterdir() if path.is_symlink()):
        earlier.unlink()  # such as those of an earlier draw
    for subject, path in subjects.items():
        (folder / subject).symlink_to(Path(path).resolve())


def _subjects(folders: Sequence[str], left_out: set[str]) -> dict[str, Path]:
    """The absolute path of each subject's folder, by its name."""
    found = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise UserError(f"The folder of real subjects {folder} does not exist: correct it in the plan.")
        for path in (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")):
            if path.name in found:
                raise UserError(f"{found[path.name]} and {path} have the same name: rename one, or leave it out.")
            found[path.name] = path.resolve()
    return {name: path for name, path in found.items() if name not in left_out}

# SPDX-License-Identifier: Apache-2.0
"""Real subjects of several collections as one dataset folder, with the split file of each fold of a cross-validation."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.data.splits import in_drawn_order

ENTRIES = {"trained", "collections", "folds", "left_out", "same_patient"}
# The split file of the networks that are published, which have been trained on every subject.
ALL = "all"


def gather(real: Mapping, folder: str | Path) -> list[str]:
    """Make ``<folder>/subjects``, with a link to each subject, and ``<folder>/<split>.json`` of every split.

    Args:
        real: ``collections`` (folders of subjects, by the name of the collection that they are reported under),
            ``folds`` (their number), and optionally ``trained`` (folders of subjects that the starting network has been
            trained on: they are for training in every fold), ``left_out`` (subjects), ``same_patient`` (lists of
            subjects that stay in one fold).
        folder: where they go.

    Returns:
        The names of the splits: ``all`` and ``fold0``, ``fold1``, ...

    Raises:
        UserError: an unknown or missing entry, or a folder that does not exist.
    """
    if unknown := sorted(real.keys() - ENTRIES):
        raise UserError(f"'real' has the unknown entry '{unknown[0]}': it may have {', '.join(sorted(ENTRIES))}.")
    if missing := sorted({"collections", "folds"} - real.keys()):
        raise UserError(f"'real' lacks the entry '{missing[0]}': add it.")
    left_out = set(real.get("left_out", ()))
    trained = _subjects(real.get("trained", ()), left_out)
    collections = {name: _subjects(folders, left_out) for name, folders in real["collections"].items()}
    folds = draw_folds(collections, real["folds"], real.get("same_patient", ()))
    folder = Path(folder)
    (folder / "subjects").mkdir(parents=True, exist_ok=True)
    for subjects in (trained, *collections.values()):
        for subject, path in subjects.items():
            link = folder / "subjects" / subject
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    splits = {ALL: (sorted({*trained, *(name for fold in folds for name in fold)}), [])}
    for number, test in enumerate(folds):
        rest = [name for other in folds if other is not test for name in other]
        splits[f"fold{number}"] = sorted([*trained, *rest]), sorted(test)
    for name, (training, test) in splits.items():
        text = json.dumps({"training": training, "validation": [], "test": test}, indent=1) + "\n"
        save_atomically(folder / f"{name}.json", lambda file, text=text: file.write_text(text))
    return list(splits)


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
    patients = {subject: group[0] for group in same_patient for subject in group}
    drawn = [[] for _ in range(folds)]
    for subjects in collections.values():
        members = {}
        for subject in sorted(subjects):
            members.setdefault(patients.get(subject, subject), []).append(subject)
        for number, patient in enumerate(in_drawn_order(members)):
            drawn[number % folds] += members[patient]
    return drawn


def _subjects(folders: Sequence[str], left_out: set[str]) -> dict[str, Path]:
    """The absolute path of each subject's folder, by its name."""
    found = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise UserError(f"The folder of real subjects {folder} does not exist: correct 'real' in the plan.")
        found |= {path.name: path.resolve() for path in sorted(folder.iterdir()) if path.is_dir()}
    return {name: path for name, path in found.items() if name not in left_out}

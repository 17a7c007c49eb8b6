# SPDX-License-Identifier: Apache-2.0
"""Which subjects a network was trained on, by the JSON record beside its weights. On those it does better than on others."""

import os
from collections.abc import Iterable
from pathlib import Path

from scripts.common.namings import patient_of_subject
from scripts.common.printable import some_of
from scripts.common.weights import provenance_of
from scripts.data.splits import patient_of

# The lists of names in a record, and in each of its ``stages``: of its own training, and of the weights it started
# from.
LISTS = ("real_subjects", "unlabelled_subjects", "start_subjects")


def stages_of(record: dict) -> list[dict]:
    """A record (`scripts.common.weights.provenance_of`) and those of the stages that it names."""
    return [stage for stage in (record, *(record.get("stages") or ())) if isinstance(stage, dict)]


def subjects_of(record: dict) -> set[str]:
    """The real subjects that a record names."""
    return {str(name) for stage in stages_of(record) for key in LISTS for name in stage.get(key) or ()}


def patients_of(record: dict) -> set[str]:
    """The patients of these subjects: by the subjects' names, and those that the record names."""
    named = {str(patient) for stage in stages_of(record) for patient in stage.get("patients") or ()}
    return named | {patient_of_subject(name) for name in subjects_of(record)}


def known_to(record: dict, items: Iterable[dict], dataset_dir: str | Path) -> list[str]:
    """Those subjects that the weights of this record were trained on, or another time point of whose patient.

    Simulated subjects are known if their cohort's folder has the name that the record gives, and they are in its training
    part, or among the ``simulated_subjects`` of the record, which a training with another split names. Of a cohort that
    was the source of an unpaired training, all subjects that the record names are known.

    Args:
        record: see `subjects_of`.
        items: from `scripts.data.datalist.subjects_in`.
        dataset_dir: their folder.
    """
    names, patients = subjects_of(record), patients_of(record)
    stages = stages_of(record)
    folder = os.path.basename(os.path.abspath(dataset_dir))
    of_cohort = [stage.get("simulated_subjects") for stage in stages if stage.get("dataset") == folder]
    sources = [stage["source"] for stage in stages if isinstance(stage.get("source"), dict)]
    of_cohort += [source.get("subjects", []) for source in sources if source.get("dataset") == folder]

    def is_known(item: dict) -> bool:
        if "maps" in item:
            return any(
                item.get("part") == "training" if named is None else item["subject"] in named for named in of_cohort
            )
        return item["subject"] in names or patient_of(item) in patients

    return [item["subject"] for item in items if is_known(item)]


def warnings_of(paths: Iterable[str | Path], items: list[dict], dataset_dir: str | Path, what: str) -> list[str]:
    """A sentence for each group of weight files that know some of the subjects.

    Args:
        paths: weight files.
        items, dataset_dir: see `known_to`.
        what: what the subjects are, such as "test subjects".
    """
    files = {}
    for path in dict.fromkeys(map(str, paths)):
        if known := tuple(known_to(provenance_of(path), items, dataset_dir)):
            files.setdefault(known, []).append(path)
    return [_sentence(known, len(items), group, what) for known, group in files.items()]


def _sentence(known: tuple[str, ...], count: int, files: list[str], what: str) -> str:
    return (
        f"{len(known)} of {count} {what} were in the training of {some_of(files)}: {some_of(known)}. Their results are better "
        "than those of new patients: leave these subjects out, or take weights that were not trained on them."
    )

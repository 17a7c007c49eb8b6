# SPDX-License-Identifier: Apache-2.0
"""The labelled subjects of a training or an evaluation, and those that a network has seen."""

import logging
import os
from collections.abc import Iterable

from scripts.common.errors import UserError
from scripts.common.namings import patient_of_subject
from scripts.common.weights import provenance_of, teacher_path
from scripts.data.datalist import require_complete, subjects_in
from scripts.data.known_subjects import patients_of, subjects_of, warnings_of
from scripts.data.splits import of_shared_patients, patient_of
from scripts.networks.initialise import FROZEN

logger = logging.getLogger(__name__)


def labelled_subjects(
    dataset_dir: str, sequences: tuple[str, ...], with_teacher: bool = False, label_convention: str | None = None
) -> list[dict]:
    """The subjects of a folder, after checking that each has a label map and all sequences that the networks see.

    Args:
        dataset_dir: folder, see `scripts.data.datalist.subjects_in`.
        sequences: those that must be there.
        with_teacher: whether a teacher of all four sequences takes part.
        label_convention: of the label maps; None to detect it.

    Raises:
        UserError: incomplete subjects; with a teacher, it also says how to train a student alone.
    """
    items = subjects_in(dataset_dir, sequences, label_convention=label_convention)
    try:
        return require_complete(items, sequences)
    except UserError as error:
        if not with_teacher:
            raise
        raise UserError(
            f"{error} Joint training, and any recipe with a teacher, needs all four sequences of each subject: add "
            "configs/no_distillation.json to train a student alone on its own sequences."
        ) from error


def unlabelled_subjects(
    dataset_dir: str | None, sequences: tuple[str, ...], held_out: Iterable[dict] = ()
) -> list[dict]:
    """The subjects of a folder of scans without label maps; a label map that is there is not used.

    Args:
        dataset_dir: folder, see `scripts.data.datalist.subjects_in`.
        sequences: those that each subject must have.
        held_out: datalist items for validation and test, whose patients must not be among them.

    Raises:
        UserError: no folder, incomplete subjects, or held-out patients.
    """
    if dataset_dir is None:
        raise UserError("unlabelled_dir is null: give the folder of scans without label maps with --unlabelled_dir.")
    items = require_complete(_usable(subjects_in(dataset_dir, sequences, labelled=False)), sequences, label=False)
    _refuse_held_out(items, held_out, str(dataset_dir))
    # the maps of a simulated subject hold its true label, too
    return [{key: item[key] for key in item if key not in ("label", "maps")} | {"unlabelled": True} for item in items]


def _usable(items: list[dict]) -> list[dict]:
    """The items without scans in other formats, of which a warning tells. The error of any other is raised."""
    for item in (item for item in items if "error" in item):
        if "other_format" not in item:
            raise UserError(item["error"])
        logger.warning(item["error"])
    return [item for item in items if "error" not in item]


def with_more_training(
    parts: dict[str, list[dict]], more_training: Iterable[list[dict]], more_held_out: Iterable[list[dict]]
) -> dict[str, list[dict]]:
    """The parts of the dataset, with the training subjects that overlays add.

    Args:
        parts: see `scripts.data.splits.split`.
        more_training: lists of further training subjects.
        more_held_out: lists of subjects of overlays that are held out for validation or test.

    Raises:
        UserError: a patient of the dataset is held out by an overlay, or the other way round.
    """
    added = sum(more_training, [])
    labelled = [item for item in added if "unlabelled" not in item]  # `unlabelled_subjects` has compared the others
    _refuse_held_out(labelled, parts["validation"] + parts["test"], "The training of an overlay")
    _refuse_held_out(parts["training"], sum(more_held_out, []), "The training part of dataset_dir")
    return parts | {"training": parts["training"] + added}


def _refuse_held_out(items: list[dict], held_out: Iterable[dict], where: str) -> None:
    """UserError if a patient of training subjects is held out."""
    if shared := of_shared_patients(items, held_out):
        raise UserError(
            f"{where} has {shared[0]['subject']}, whose patient is held out for validation or test: take it out of the "
            "folder, or choose another split."
        )


def record_subjects(
    provenance: dict, datalist: dict[str, list[dict]], dataset_dir: str, teacher_from: str | None = None
) -> None:
    """Add to a training's record the subjects that its networks will have seen, and warn of those held out among them.

    ``real_subjects`` gets the names of the real training subjects, and ``start_subjects`` those of the weights that the
    networks start from and of the teacher that labels scans. ``patients`` gets the patients of all these, and of scans
    without labels, whom the names do not tell. ``simulated_subjects`` gets the names of the simulated
    training subjects of the dataset, unless they are the training part of its dataset.json. Each is left out if there
    are none.

    Args:
        provenance: with ``starts_from``, see `scripts.networks.initialise.load_starting_weights`; changed in place.
        datalist: the parts of the dataset.
        dataset_dir: folder of the subjects.
        teacher_from: folder or file of the teacher that labels the scans without label maps; None if nobody does.
    """
    starts = [start.removesuffix(FROZEN) for start in provenance["starts_from"].values()]
    files = [start for start in starts if start.endswith(".pt")]
    if teacher_from is not None and any("unlabelled" in item for item in datalist["training"]):
        files.append(teacher_path(teacher_from))
    scans, starts_of = [i for i in datalist["training"] if "maps" not in i], [provenance_of(file) for file in files]
    start_subjects = set().union(*map(subjects_of, starts_of))
    by_name = {patient_of_subject(name) for name in {item["subject"] for item in scans} | start_subjects}
    lists = {
        "real_subjects": [item["subject"] for item in scans if "unlabelled" not in item],
        "start_subjects": sorted(start_subjects),
        "patients": sorted({patient_of(item) for item in scans}.union(*map(patients_of, starts_of)) - by_name),
        "simulated_subjects": _simulated_of_another_split(datalist, dataset_dir),
    }
    provenance.update({key: names for key, names in lists.items() if names})
    held_out = datalist["validation"] + datalist["test"]
    for sentence in warnings_of(files, held_out, dataset_dir, "subjects for validation and test"):
        logger.warning(sentence)


def _simulated_of_another_split(datalist: dict[str, list[dict]], dataset_dir: str) -> list[str]:
    """The dataset's simulated training subjects, if they are not those of its dataset.json; else none."""
    folder = os.path.join(os.path.realpath(os.path.expanduser(dataset_dir)), "")
    own = {
        part: [item for item in items if "maps" in item and os.path.realpath(item["maps"]).startswith(folder)]
        for part, items in datalist.items()
    }
    as_listed = all((item.get("part") == "training") == (part == "training") for part in own for item in own[part])
    return [] if as_listed else [item["subject"] for item in own["training"]]

# SPDX-License-Identifier: Apache-2.0
"""The labelled subjects of a training or an evaluation, and those that a network has seen."""

import logging
from collections.abc import Iterable

from scripts.common.errors import UserError
from scripts.common.weights import provenance_of
from scripts.data.datalist import require_complete, subjects_in
from scripts.data.known_subjects import subjects_of, warnings_of
from scripts.data.splits import patient_of
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
    items = require_complete(subjects_in(dataset_dir, sequences, labelled=False), sequences, label=False)
    patients = {patient_of(item) for item in held_out}
    if known := [item["subject"] for item in items if patient_of(item) in patients]:
        raise UserError(
            f"{dataset_dir} has {known[0]}, whose patient is held out for validation or test: take it out of the "
            "folder, or choose another split."
        )
    return [{key: item[key] for key in item if key != "label"} | {"unlabelled": True} for item in items]


def record_subjects(provenance: dict, datalist: dict[str, list[dict]], dataset_dir: str) -> None:
    """Add to a training's record the subjects that its networks will have seen, and warn of those held out among them.

    ``real_subjects`` gets the names of the real training subjects, and ``start_subjects`` those of the weights that the
    networks start from; both are left out if there are none. Simulated subjects are not named.

    Args:
        provenance: with ``starts_from``, see `scripts.networks.initialise.load_starting_weights`; changed in place.
        datalist: the parts of the dataset.
        dataset_dir: folder of the subjects.
    """
    starts = [start.removesuffix(FROZEN) for start in provenance["starts_from"].values()]
    files = [start for start in starts if start.endswith(".pt")]
    lists = {
        "real_subjects": [i["subject"] for i in datalist["training"] if not ("maps" in i or "unlabelled" in i)],
        "start_subjects": sorted(set().union(*(subjects_of(provenance_of(file)) for file in files))),
    }
    provenance.update({key: names for key, names in lists.items() if names})
    held_out = datalist["validation"] + datalist["test"]
    for sentence in warnings_of(files, held_out, dataset_dir, "subjects for validation and test"):
        logger.warning(sentence)

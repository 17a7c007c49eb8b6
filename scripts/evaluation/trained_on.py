# SPDX-License-Identifier: Apache-2.0
"""Warn of evaluated subjects that the evaluated networks were trained on."""

import logging
import os

from scripts.common.weights import provenance_of
from scripts.data.known_subjects import warnings_of
from scripts.networks.initialise import FROZEN, trained_files
from scripts.networks.teacher_student import NetworkGroup

logger = logging.getLogger(__name__)


def trained_on_warnings(
    networks: NetworkGroup, folder: str, teacher_from: str | None, items: list[dict], dataset_dir: str
) -> list[str]:
    """A sentence for each weight file that was trained on some of the subjects, and for a teacher that is not the one
    from which a student has learned; they are logged, too.

    Args:
        networks, folder, teacher_from: as for `scripts.networks.initialise.load_trained_weights`.
        items: the subjects to evaluate.
        dataset_dir: their folder.
    """
    files = {name: path for name, (path, _) in trained_files(networks, folder, teacher_from).items()}
    sentences = warnings_of(files.values(), items, dataset_dir, "evaluated subjects")
    sentences += _of_another_teacher(files)
    for sentence in sentences:
        logger.warning(sentence)
    return sentences


def _of_another_teacher(files: dict[str, str]) -> list[str]:
    """A sentence if the record of a student names another frozen teacher than the one that is evaluated."""
    for path in (path for name, path in files.items() if name != "teacher" and "teacher" in files):
        known = str((provenance_of(path).get("starts_from") or {}).get("teacher", ""))
        taught = known.removesuffix(FROZEN)
        if known.endswith(FROZEN) and os.path.realpath(taught) != os.path.realpath(files["teacher"]):
            return [
                f"{path} has learned from {taught}, but the teacher that is evaluated here is {files['teacher']}: give the "
                "former with --teacher_from, or leave the rows of the teacher and of the difference aside."
            ]
    return []

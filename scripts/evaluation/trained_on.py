# SPDX-License-Identifier: Apache-2.0
"""Warn of evaluated subjects that the evaluated networks were trained on."""

import logging

from scripts.data.known_subjects import warnings_of
from scripts.networks.initialise import trained_files
from scripts.networks.teacher_student import NetworkGroup

logger = logging.getLogger(__name__)


def trained_on_warnings(
    networks: NetworkGroup, folder: str, teacher_from: str | None, items: list[dict], dataset_dir: str
) -> list[str]:
    """A sentence for each weight file that was trained on some of the subjects; it is logged, too.

    Args:
        networks, folder, teacher_from: as for `scripts.networks.initialise.load_trained_weights`.
        items: the subjects to evaluate.
        dataset_dir: their folder.
    """
    paths = [path for path, _ in trained_files(networks, folder, teacher_from).values()]
    sentences = warnings_of(paths, items, dataset_dir, "evaluated subjects")
    for sentence in sentences:
        logger.warning(sentence)
    return sentences

# SPDX-License-Identifier: Apache-2.0
"""Whether the teacher can be evaluated beside the student."""

import logging
from pathlib import Path

from scripts.common.weights import teacher_path
from scripts.data.datalist import missing, subjects_in

logger = logging.getLogger(__name__)


def teacher_can_be_evaluated(
    teacher_training: str, ckpt_dir: str, teacher_from: str | None, dataset_dir: str, sequences: tuple[str, ...]
) -> bool:
    """Whether a run's teacher is there and every subject has the sequences that it sees; logs why if not.

    Args:
        teacher_training: of the run: ``joint``, ``frozen`` or ``none``.
        ckpt_dir: folder with the weights of the run; a teacher that was trained jointly lies there.
        teacher_from: folder or file of a frozen teacher.
        dataset_dir: folder of the subjects.
        sequences: of the teacher.
    """
    if teacher_training == "none":
        return False
    weights = Path(teacher_path((teacher_from or ckpt_dir) if teacher_training == "frozen" else ckpt_dir))
    if not weights.is_file():
        logger.info("The teacher is left out of the evaluation: there are no weights at %s.", weights)
        return False
    for item in subjects_in(dataset_dir, sequences):
        if lacking := missing(item, sequences):
            logger.info("The teacher is left out of the evaluation: %s lacks %s.", item["subject"], ", ".join(lacking))
            return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Whether the teacher can be evaluated together with the student."""

import logging
from pathlib import Path

from scripts.common.weights import teacher_path
from scripts.data.datalist import missing_files, subjects_in

logger = logging.getLogger(__name__)


def teacher_can_be_evaluated(
    teacher_training: str, ckpt_dir: str, teacher_from: str | None, dataset_dir: str, sequences: tuple[str, ...]
) -> bool:
    """Whether the teacher has weights and every subject has the teacher's sequences; the log says why not.

    Args:
        teacher_training: how the teacher was trained: ``joint``, ``frozen`` or ``none`` (no teacher).
        ckpt_dir: folder with the weights of the run, of a jointly trained teacher, too.
        teacher_from: folder or file of a frozen teacher.
        dataset_dir: folder of the subjects.
        sequences: sequences that the teacher sees.
    """
    if teacher_training == "none":
        return False
    weights = Path(teacher_path((teacher_from or ckpt_dir) if teacher_training == "frozen" else ckpt_dir))
    if not weights.is_file():
        logger.info("The teacher is left out of the evaluation: there are no weights at %s.", weights)
        return False
    for item in subjects_in(dataset_dir, sequences):
        if lacking := missing_files(item, sequences):
            logger.info("The teacher is left out of the evaluation: %s lacks %s.", item["subject"], ", ".join(lacking))
            return False
    return True

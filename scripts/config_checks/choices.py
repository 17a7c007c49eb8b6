# SPDX-License-Identifier: Apache-2.0
"""Refuses other values of keys with a fixed choice."""

from scripts.common.choices import EXISTING, PARTS, TEACHER_TRAINING
from scripts.common.errors import UserError
from scripts.common.labels import LABEL_CONVENTIONS, WRITTEN_CONVENTIONS

CHOICES = {
    "teacher_training": TEACHER_TRAINING,
    "label_convention": (None, *LABEL_CONVENTIONS),
    "existing": EXISTING,
    "part": (*PARTS, "all"),
}
# Inference writes label maps, and only with these.
WRITTEN = {"label_convention": WRITTEN_CONVENTIONS}


def check_choices(config: dict) -> None:
    """Refuse a value that is not among the choices of its key.

    Raises:
        UserError: naming the key, its value and the choices.
    """
    for key, choices in (CHOICES | ({} if "train" in config else WRITTEN)).items():
        if key in config and config[key] not in choices:
            raise UserError(f"{key} is {config[key]!r}, but must be one of {choices}.")

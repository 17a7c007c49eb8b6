# SPDX-License-Identifier: Apache-2.0
"""The student's sequences as a list in the teacher's order."""

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.sequences import ordered
from scripts.config_checks.values import replace_value, value_of


def convert_sequences(parser: ConfigParser, config: dict) -> None:
    """Convert ``student_modalities``, such as the text ``flair,t1ce``, to a list in the teacher's order.

    Raises:
        UserError: no list and no text, no sequence, or an unknown one.
    """
    if "student_modalities" not in config:
        return
    given = value_of(parser, "student_modalities")
    if not isinstance(given, (str, list, tuple)):
        raise UserError(f"student_modalities is {given!r}, but must be a list such as ['t1ce', 'flair'].")
    replace_value(parser, config, "student_modalities", list(ordered(given)))

# SPDX-License-Identifier: Apache-2.0
"""The student's sequences become a list in the teacher's order."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check, checked_in_a_run


def test_sequences_of_the_command_line_become_a_list_in_the_teachers_order():
    assert checked_in_a_run("student_modalities", "flair,t1ce") == [["t1ce", "flair"]]


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("student_modalities", 5, "student_modalities is 5, but must be a list"),
        ("student_modalities", ["flare"], "flare.*flair"),
        ("student_modalities", [], "No sequence was chosen"),
    ],
)
def test_what_names_no_sequences_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})

# SPDX-License-Identifier: Apache-2.0
"""An object of a plan with wrong entries is refused by file and key."""

import pytest
from scripts.common.errors import UserError
from scripts.research.plan_entries import check_entries


def test_entries_that_are_known_and_complete_pass():
    check_entries("plan.json", "", {"arms": 1}, {"arms", "seeds"}, {"arms"})


@pytest.mark.parametrize(
    "where, block, sentence",
    [
        ("", {"arms": 1, "sead": 2}, "plan.json has the unknown key 'sead': it may have arms, seeds"),
        ("parts#real#", {"sead": 2}, "plan.json has the unknown key 'parts#real#sead'"),
        ("parts#real#", {"seeds": 2}, "plan.json lacks the key 'parts#real#arms': add it"),
        ("", [], "plan.json must be a JSON object"),
        ("parts#real#", None, "'parts#real' in plan.json must be a JSON object"),
    ],
)
def test_other_entries_are_refused(where, block, sentence):
    with pytest.raises(UserError, match=sentence):
        check_entries("plan.json", where, block, {"arms", "seeds"}, {"arms"})

# SPDX-License-Identifier: Apache-2.0
"""A key that nothing reads is refused with the one that may be meant."""

import re

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.keys import RENAMED

from tests.config_checks.helpers import check


@pytest.mark.parametrize(
    "key, near", [("epoch", "epochs"), ("spacng", "spacing"), ("student_modality", "student_modalities")]
)
def test_misspelt_key_is_refused_with_the_nearest(key, near):
    with pytest.raises(UserError, match=f"Nothing reads the key '{key}': did you mean '{near}'"):
        check(**{key: 1})


def test_key_that_resembles_none_is_refused_with_the_list():
    with pytest.raises(UserError, match="'wurst'; the keys are: amp, epochs, spacing, student_modalities"):
        check(wurst=1)


@pytest.mark.parametrize("name, near", [("tset", "split#test"), ("sede", "split#seed")])
def test_misspelt_key_in_a_table_is_refused_with_the_nearest_of_that_table(name, near):
    with pytest.raises(UserError, match=f"Nothing reads the key 'split#{name}': did you mean '{near}'"):
        check(split={name: 0.2}, train={}, dataset="@split#test")


def test_new_key_that_something_reads_is_welcome():
    check(tau=2.0, loss={"_target_": "torch.nn.Identity", "temperature": "@tau"}, evaluator="@loss")


@pytest.mark.parametrize("old, new", RENAMED.items())
def test_key_of_an_earlier_version_is_answered_with_its_new_name(old, new):
    with pytest.raises(UserError, match=re.escape(f"The key '{old}' was renamed to {new}.")):
        check(**{old: 1})

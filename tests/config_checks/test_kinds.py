# SPDX-License-Identifier: Apache-2.0
"""A table or a list cannot be replaced by a number, a text or null."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.kinds import wrong_kind

from tests.config_checks.helpers import SHIPPED, check, merged


@pytest.mark.parametrize("files", SHIPPED, ids="+".join)
def test_the_shipped_configs_pass(files):
    assert wrong_kind(merged(*files)) is None


@pytest.mark.parametrize(
    "files, key, value, wanted",
    [
        (["inference.json"], "dataset", None, "a table"),
        (["inference.json"], "initialize", 5, "a list"),
        (["train.json"], "objective", None, "a table"),
        (["train.json"], "train#dataset", True, "a table"),
        (["train.json"], "subjects", "BraTS", "a table"),
    ],
)
def test_a_table_or_list_that_is_replaced_by_a_number_a_text_or_null_is_found(files, key, value, wanted):
    assert wrong_kind(merged(*files, **{key: value})) == (key, value, wanted)


def test_a_component_that_every_run_needs_cannot_be_disabled():
    found = wrong_kind(merged("inference.json", **{"inferer#_disabled_": True}))
    assert found == ("inferer#_disabled_", True, "false, since every run needs this component")
    assert wrong_kind(merged("inference.json", **{"progress#_disabled_": True})) is None


def test_a_term_may_be_null_and_a_component_an_expression():
    config = merged("train.json", **{"objective#terms#barlow_twins": None, "lr_scheduler": "$None", "amp": False})
    assert wrong_kind(config) is None


def test_a_component_that_is_replaced_by_a_number_is_refused():
    with pytest.raises(UserError, match="split is None, but must be a table: leave it out, or correct it"):
        check(split=None, train={}, dataset="@split")

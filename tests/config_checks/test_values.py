# SPDX-License-Identifier: Apache-2.0
"""Values are evaluated and replaced."""

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import replace_value, value_of

from tests.config_checks.helpers import check


@pytest.mark.parametrize(
    "value, why", [("$1 / 0", "ZeroDivisionError: division by zero"), ("@clip_norm", "ValueError: detected circular")]
)
def test_a_value_that_cannot_be_evaluated_is_named(value, why):
    with pytest.raises(UserError, match=f"clip_norm cannot be evaluated .{why}"):
        check(clip_norm=value)


def test_a_value_in_a_list_of_a_table_is_replaced():
    parser = ConfigParser({"a": {"b": [1, 2]}, "c": "@a#b#1"})
    parser.parse()
    replace_value(parser, parser.get(), "a#b#1", 5)
    assert parser["a"] == {"b": [1, 5]} and value_of(parser, "c") == 5


def test_a_value_that_was_evaluated_is_replaced():
    parser = ConfigParser({"a": "$1 + 1"})
    assert value_of(parser, "a") == 2
    replace_value(parser, parser.get(), "a", 5)
    assert parser["a"] == value_of(parser, "a") == 5

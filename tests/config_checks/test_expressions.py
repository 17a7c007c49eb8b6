# SPDX-License-Identifier: Apache-2.0
"""What MONAI could not evaluate is named before it tries to."""

import pytest
from scripts.config_checks.expressions import broken_expression

from tests.config_checks.helpers import SHIPPED, merged


@pytest.mark.parametrize("files", SHIPPED, ids="+".join)
def test_the_shipped_configs_pass(files):
    assert broken_expression(merged(*files)) is None


@pytest.mark.parametrize(
    "config, key, problem",
    [
        ({"a": "@b"}, "a", "refers to 'b', which no config file has"),
        ({"a": {"b": [1, "$2 * @a#c"]}}, "a#b#1", "refers to 'a#c', which no config file has"),
        ({"a": "$1 +"}, "a", "is no Python expression (invalid syntax)"),
        ({"a": {"_target_": "scripts.losses.Nothing"}}, "a#_target_", "is 'scripts.losses.Nothing', and there is no"),
    ],
)
def test_what_cannot_be_evaluated_is_found(config, key, problem):
    path, sentence = broken_expression(config)
    assert path == key and sentence.startswith(problem)


@pytest.mark.parametrize(
    "config",
    [
        {"a": {"b": [0, 5]}, "c": "@a#b#1", "d": "$@a::b[0]"},
        {"a": 2.0, "b": "$'cohort_%gmm' % @a", "imports": ["$import os", "$from os import path"]},
        {"a": "@b", "b": {"_target_": "torch.nn.Identity"}, "c": "$@a#x"},
        {"_meta_": {"b": "@c"}, "a": "write to me@example.org"},
    ],
)
def test_what_monai_can_evaluate_is_left_alone(config):
    assert broken_expression(config) is None

# SPDX-License-Identifier: Apache-2.0
"""What MONAI could not evaluate is named before it tries to."""

import pytest
from monai.bundle import ConfigParser
from scripts.training.expressions import broken_expression
from tiny import ROOT, with_base

OVERLAYS = sorted(file.name for file in (ROOT / "configs").glob("*.json"))
OF_INFERENCE = [name for name in OVERLAYS if name.endswith("inference.json")]
OF_TRAINING = [name for name in OVERLAYS if name not in (*OF_INFERENCE, "metadata.json", "train.json")]


def test_the_shipped_configs_pass():
    for base, overlays in (("train.json", OF_TRAINING), ("inference.json", OF_INFERENCE)):
        for files in (with_base(base, overlay) for overlay in overlays):
            parser = ConfigParser()
            parser.read_config([str(ROOT / "configs" / file) for file in files])
            assert broken_expression(parser.get()) is None, files


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

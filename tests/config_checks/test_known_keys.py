# SPDX-License-Identifier: Apache-2.0
"""A key is known if a shipped config has it, a reference names it, or the component takes it."""

import pytest
from scripts.config_checks.known_keys import unknown_key

from tests.config_checks.helpers import SHIPPED, merged


@pytest.mark.parametrize("files", SHIPPED, ids="+".join)
def test_the_shipped_configs_pass(files):
    assert unknown_key(merged(*files)) is None


@pytest.mark.parametrize(
    "key, value",
    [
        ("split#tset", 0.1),
        ("simulated#trainin", 5),
        ("validate#key", 1),
        ("train#samplr", {"_target_": "torch.utils.data.RandomSampler"}),
        ("optimizer#betsa", [0.9, 0.99]),
        ("network_def#norm_nam", "BATCH"),
        ("objective#terms#barlow_twin", None),
        ("objective#terms#barlow_twin#weight", 0.2),
        ("objective#terms#barlow_twins#wieght", 0.2),
        ("train#trainer#max_epoch", 3),
        ("train#handlers#4#max_nrm", 3),
    ],
)
def test_key_that_nothing_reads_is_found(key, value):
    assert key.startswith(unknown_key(merged("train.json", **{key: value}))[0])


@pytest.mark.parametrize("key, near", [("real#split#tset", "real#split#test"), ("real#shaer", "real#share")])
def test_key_of_an_overlay_is_compared_with_those_of_the_overlay(key, near):
    found, known = unknown_key(merged("train.json", "with_real.json", **{key: 0.1}))
    assert found == key and near in known


@pytest.mark.parametrize(
    "key, value",
    [
        ("optimizer#betas", [0.9, 0.99]),
        ("network_def#_mode_", "callable"),
        ("objective#terms#mine", {"_target_": "scripts.losses.objective.Term", "loss": None}),
        ("provenance#note", "written as it is"),
        ("train#dataloader#prefetch_factor", 2),
        ("train#mine", {"_target_": "DynUNet"}),
    ],
)
def test_key_that_something_reads_is_not(key, value):
    config = merged("train.json", **{key: value})
    config["run"] = [*config["run"], "@train#mine"]
    assert unknown_key(config) is None


def test_a_component_that_cannot_be_found_is_left_to_monai():
    assert (
        unknown_key({"loss": {"_target_": "no.such.Loss", "any": 1}, "net": {"_target_": "$@loss", "any": 1}}) is None
    )

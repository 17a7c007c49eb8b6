# SPDX-License-Identifier: Apache-2.0
"""A key is known if a shipped config has it, a reference names it, or the component takes it."""

import itertools

import pytest
from monai.bundle import ConfigParser
from scripts.training.known_keys import references, shipped_keys, unknown_key, wrong_kind
from tiny import ROOT, with_base

OVERLAYS = sorted(file.name for file in (ROOT / "configs").glob("*.json"))
OF_INFERENCE = [name for name in OVERLAYS if name.endswith("inference.json")]
OF_TRAINING = [name for name in OVERLAYS if name not in (*OF_INFERENCE, "metadata.json", "train.json", "evaluate.json")]


def _config(*files, **keys) -> dict:
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / file) for file in files])
    for key, value in keys.items():
        parser.set(value, key)
    return parser.get()


@pytest.mark.parametrize(
    "files",
    [
        *(with_base("train.json", name) for name in OF_TRAINING),
        *((*with_base("train.json", name), "evaluate.json") for name in OF_TRAINING),
        *itertools.product(["inference.json"], OF_INFERENCE),
    ],
    ids="+".join,
)
def test_the_shipped_configs_pass(files):
    assert unknown_key(_config(*files)) is None and wrong_kind(_config(*files)) is None


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
    assert key.startswith(unknown_key(_config("train.json", **{key: value}))[0])


@pytest.mark.parametrize("key, near", [("real#split#tset", "real#split#test"), ("real#shaer", "real#share")])
def test_key_of_an_overlay_is_compared_with_those_of_the_overlay(key, near):
    found, known = unknown_key(_config("train.json", "with_real.json", **{key: 0.1}))
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
    config = _config("train.json", **{key: value})
    config["run"] = [*config["run"], "@train#mine"]
    assert unknown_key(config) is None


def test_a_component_that_cannot_be_found_is_left_to_monai():
    assert (
        unknown_key({"loss": {"_target_": "no.such.Loss", "any": 1}, "net": {"_target_": "$@loss", "any": 1}}) is None
    )


def test_references_are_found_in_every_kind_of_string():
    config = {"a": "@b", "c": ["$len(@d) + @e#f::g"], "h": {"i": "%j#k"}}
    assert references(config) == {"b", "d", "e#f#g", "j#k"}


def test_shipped_keys_are_those_of_the_base_config_and_its_overlays_at_any_depth():
    keys = shipped_keys("train.json")
    assert {"split#test", "real#split#fold", "objective#terms#soft_targets#loss#temperature"} <= keys
    assert "label_map_settings#spacing" not in keys and "label_map_settings#spacing" in shipped_keys("inference.json")


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
    assert wrong_kind(_config(*files, **{key: value})) == (key, value, wanted)


def test_a_component_that_every_run_needs_cannot_be_disabled():
    found = wrong_kind(_config("inference.json", **{"inferer#_disabled_": True}))
    assert found == ("inferer#_disabled_", True, "false, since every run needs this component")
    assert wrong_kind(_config("inference.json", **{"progress#_disabled_": True})) is None


def test_a_term_may_be_null_and_a_component_an_expression():
    config = _config("train.json", **{"objective#terms#barlow_twins": None, "lr_scheduler": "$None", "amp": False})
    assert wrong_kind(config) is None

# SPDX-License-Identifier: Apache-2.0
"""The keys of the shipped configs."""

from scripts.config_checks.shipped import base_of, shipped_files, shipped_keys

from tests.config_checks.helpers import merged


def test_shipped_keys_are_those_of_the_base_config_and_its_overlays_at_any_depth():
    keys = shipped_keys("train.json")
    assert {"split#test", "real#split#fold", "objective#terms#soft_targets#loss#temperature"} <= keys
    assert "label_map_settings#spacing" not in keys and "label_map_settings#spacing" in shipped_keys("inference.json")


def test_each_config_file_but_the_metadata_belongs_to_one_base():
    files = {base: {file.name for file in shipped_files(base)} for base in ("train.json", "inference.json")}
    assert {"train.json", "kd_net.json", "evaluate.json"} <= files["train.json"]
    assert {"inference.json", "batch_inference.json"} <= files["inference.json"]
    assert not files["train.json"] & files["inference.json"] and "metadata.json" not in set().union(*files.values())
    assert all(base_of(merged(base)) == base for base in files)

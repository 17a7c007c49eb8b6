# SPDX-License-Identifier: Apache-2.0
"""A run is resumed with the keys and subjects that it began with."""

import json

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.training.configuration import MOVED, RunConfiguration, flat_keys
from tiny import ROOT


@pytest.fixture
def subjects(tmp_path):
    """Datalist of three subjects, whose files have 1, 2 and 3 bytes."""
    items = []
    for number, name in enumerate("abc", start=1):
        (tmp_path / f"{name}.nii").write_bytes(b"x" * number)
        items.append({"subject": name, "flair": str(tmp_path / f"{name}.nii"), "label_convention": "brats"})
    return {"training": items[:2], "validation": items[2:], "test": []}


def _configuration(datalist, *files, **keys) -> RunConfiguration:
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / file) for file in ("train.json", *files)])
    for key, value in keys.items():
        parser[key] = value
    return RunConfiguration(datalist, parser)


def _stored(datalist, *files, **keys) -> dict:
    return json.loads(json.dumps(_configuration(datalist, *files, **keys).state_dict()))


def test_the_same_configuration_goes_on(subjects):
    _configuration(subjects).load_state_dict(_stored(subjects))


@pytest.mark.parametrize(
    "key, value",
    [
        *(("epochs", 30), ("train#trainer#max_epochs", 30), ("resume", True), ("device", "cpu"), ("amp", False)),
        *(("val_interval", 1), ("patience", 4), ("output_dir", "elsewhere"), ("dataset_dir", "moved")),
        *(("split#test", 0.5), ("spacing", 2), ("bundle_root", "/bundle")),
        *(("train#handlers#9#_disabled_", True), ("validate#loggers", [])),
    ],
)
def test_what_does_not_change_the_result_may_change(subjects, key, value):
    _configuration(subjects, **{key: value}).load_state_dict(_stored(subjects))


@pytest.mark.parametrize(
    "key, value, text",
    [
        ("seed", 1, "seed (0, now 1)"),
        ("optimizer#weight_decay", 0.02, "optimizer#weight_decay (0.0001, now 0.02)"),
        ("spacing", 3.0, "spacing (2.0, now 3.0)"),
        ("student_modalities", ["t1", "t2"], 'student_modalities (["t1ce", "flair"], now ["t1", "t2"])'),
        ("patch_size", [64, 64, 64], "patch_size ([72, 80, 64], now [64, 64, 64])"),
        ("batch_size", 2, "batch_size (1, now 2)"),
        ("filters", [8, 16], "filters ([16, 32, 64, 128], now [8, 16])"),
        ("warm_start", False, "warm_start (true, now false)"),
        ("unenhanced", 0.5, "unenhanced (0.0, now 0.5)"),
        ("objective#terms#barlow_twins#weight", 3, "objective#terms#barlow_twins#weight (2.0, now 3)"),
        ("optimizer#betas", [0.8, 0.9], "optimizer#betas (not set, now [0.8, 0.9])"),
        ("simulated#seed", 1, "simulated#seed (0, now 1)"),
        ("train#patches#pose#prob", 0.5, "train#patches#pose#prob (0.7, now 0.5)"),
        ("interpolation#image", "nearest", 'interpolation#image ("bilinear", now "nearest")'),
    ],
)
def test_what_changes_the_result_is_refused_with_both_values(subjects, key, value, text):
    with pytest.raises(UserError) as caught:
        _configuration(subjects, **{key: value}).load_state_dict(_stored(subjects))
    assert text in str(caught.value) and "start again in another --output_dir" in str(caught.value)


def test_a_run_of_version_0_13_goes_on_though_keys_have_moved(subjects):
    stored = _stored(subjects)
    keys = {name: value for name, value in stored["keys"].items() if not name.startswith(MOVED)}
    keys |= {"load_subject#transforms#0#label": True, "train#prepare_batch#pose#prob": 0.7}
    _configuration(subjects).load_state_dict(stored | {"keys": keys})
    with pytest.raises(UserError, match="configuration: seed .0, now 1.. Resume it"):
        _configuration(subjects, seed=1).load_state_dict(stored | {"keys": keys})


def test_another_recipe_is_named_first(subjects):
    with pytest.raises(UserError, match=r"another configuration: provenance#recipe \(\"joint training.*now \"KD-Net"):
        _configuration(subjects, "kd_net.json").load_state_dict(_stored(subjects))


def test_other_subjects_and_other_files_of_the_same_names_are_refused(subjects, tmp_path):
    stored = _stored(subjects)
    a, b = subjects["training"]
    moved = {"training": [a | {"subject": "d"}, b], "validation": subjects["validation"]}
    with pytest.raises(
        UserError, match=r"training subjects that are missing \(a\); training subjects that are new \(d"
    ):
        _configuration(moved).load_state_dict(stored)
    (tmp_path / "c.nii").write_bytes(b"another")
    with pytest.raises(UserError, match=r"validation subjects with other files \(c\)"):
        _configuration(subjects).load_state_dict(stored)


def test_another_number_of_processes_is_refused(subjects):
    with pytest.raises(UserError, match=r"the number of processes \(2, now 1\)"):
        _configuration(subjects).load_state_dict(_stored(subjects) | {"processes": 2})


def test_keys_are_flat_and_handlers_that_only_watch_are_left_out():
    handlers = [{"_target_": "StatsHandler"}, {"_target_": "a.ClipGradients", "max_norm": 1}]
    config = {"a": {"b": [1, 2], "c": [{"d": 3}]}, "seed": 0, "epochs": 5, "train": {"handlers": handlers}}
    assert flat_keys(config) == {"a#b": [1, 2], "a#c#0#d": 3, "seed": 0, "train#handlers": handlers[1:]}


def test_another_teacher_that_labels_scans_is_refused_though_its_path_is_the_same(subjects, tmp_path):
    (tmp_path / "teacher.pt").write_bytes(b"first")
    keys = {"teacher_from": str(tmp_path), "unlabelled_dir": "scans"}
    stored = _stored(subjects, "unlabelled.json", **keys)
    _configuration(subjects, "unlabelled.json", **keys).load_state_dict(stored)
    (tmp_path / "teacher.pt").write_bytes(b"second")
    with pytest.raises(UserError, match="the weights of the teacher that labels scans, which are others now"):
        _configuration(subjects, "unlabelled.json", **keys).load_state_dict(stored)
    del stored["label_teacher"]  # of an earlier version
    _configuration(subjects, "unlabelled.json", **keys).load_state_dict(stored)


def test_a_run_of_version_0_15_is_resumed(subjects):
    stored = _stored(subjects)
    del stored["label_teacher"]
    assert not {"image_sequences", "provenance#learning_rate"} & stored["keys"].keys()
    _configuration(subjects).load_state_dict(stored)

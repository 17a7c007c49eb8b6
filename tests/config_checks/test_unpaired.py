# SPDX-License-Identifier: Apache-2.0
"""What an unpaired training would ignore, or only record, is refused; the whole check of the configs is run."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.check_config import check_config

from tests.config_checks.helpers import shipped


def _check(*overlays, **keys):
    folders = {"source#dataset_dir": "a", "target#dataset_dir": "b", "real#dataset_dir": "."}
    parser = shipped(*overlays, amp=False)
    parser.update({key: folder for key, folder in folders.items() if key.split("#")[0] in parser} | keys)
    parser.parse()
    check_config(parser)
    return parser


@pytest.mark.parametrize(
    "overlays", [("unpaired", "cmedl", "cmedl_cbct"), ("full", "unpaired", "ummkd"), ("unpaired", "mkd", "evaluate")]
)
def test_unpaired_recipes_pass(overlays):
    labels = {"target#labels": 5} if "ummkd" in overlays else {}
    _check(*overlays, **labels)
    _check(*overlays, student_modalities=["flair"], **labels)


def test_two_domains_are_wanted_before_anything_is_simulated():
    for keys, sentence in (
        ({"source#dataset_dir": None}, "source#dataset_dir is null: give the folder of the source's scans"),
        ({"source#dataset_dir": "b"}, "Source and target are the same folder, b"),
        ({"target#labels": "some"}, "target#labels is 'some', but must be none, all, a number"),
        ({"target#needs_labels": True}, "This recipe needs some labels of the target"),
    ):
        with pytest.raises(UserError, match=sentence):
            _check("unpaired", **keys)


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("student_modalities", ["t2"], "student_modalities is .'t2'., but the networks .* see target#sequence, flair"),
        ("val_interval", 7, "val_interval is 7, but has no effect in an unpaired training"),
        ("teacher_filters", [8, 16, 32], "teacher_filters is .8, 16, 32., but has no effect in an unpaired training"),
        ("target#label_convention", "brats", "the target's label maps have that of the key label_convention"),
    ],
)
def test_keys_that_do_nothing_in_an_unpaired_training_are_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        _check("unpaired", **{key: value})


@pytest.mark.parametrize(
    "overlays, sentence",
    [
        (("with_real", "unpaired"), "The key real, of configs/with_real.json, has no effect in an unpaired training"),
        (("unpaired", "with_real"), "The key real, of configs/with_real.json, has no effect in an unpaired training"),
        (("unpaired", "choi2023"), "configs/choi2023.json is no recipe of an unpaired training"),
        (("unpaired", "cmedl_cbct", "cmedl"), "list configs/cmedl_cbct.json after configs/cmedl.json"),
        (("cmedl", "unpaired"), "list configs/cmedl.json after configs/unpaired.json"),
    ],
)
def test_overlays_that_an_unpaired_training_would_only_record_are_refused(overlays, sentence):
    with pytest.raises(UserError, match=sentence):
        _check(*overlays)


def test_the_folder_of_the_target_may_be_in_the_home_folder_or_a_number(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    for given, folder in (("~/scans", "/home/someone/scans"), (2021, "2021")):
        parser = _check("unpaired", **{"target#dataset_dir": given})
        assert parser.get_parsed_content("dataset_dir") == parser.get_parsed_content("target#dataset_dir") == folder


def test_an_unpaired_training_needs_the_folder_of_its_target():
    with pytest.raises(
        UserError, match="target#dataset_dir is null: give the folder of the target's scans with --targ"
    ):
        _check("unpaired", **{"target#dataset_dir": None})


def test_labels_of_the_target_are_refused_where_nothing_learns_from_them():
    with pytest.raises(UserError, match="target#labels is 'all', but has no effect: the segmentation loss is of the"):
        _check("unpaired", **{"target#labels": "all"})
    images = {"objective#terms#student_segmentation#loss#images": ["source", "target"]}
    _check("unpaired", **{"target#labels": "all"}, **images)
    for recipe in ("cmedl", "dsan", "vae_prior", "mkd", "ummkd"):
        _check("unpaired", recipe, **{"target#labels": 5})

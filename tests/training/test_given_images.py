# SPDX-License-Identifier: Apache-2.0
"""The training takes the images of MONAI Label: it sets `train#dataset#data` and a checkpoint loader, as done here."""

import json
import logging

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError, user_message
from scripts.common.sequences import SEQUENCES
from scripts.training.given_images import use_given_images
from tiny import ROOT, TINY, run


@pytest.fixture(scope="module")
def images(one_subject, tmp_path_factory):
    """By the number of their channels, the images of one subject; and its label map under `label`."""
    folder, prefix = tmp_path_factory.mktemp("studies"), f"{one_subject.name}_"
    files = {name: nib.load(one_subject / f"{prefix}{name}.nii.gz") for name in (*SEQUENCES, "seg")}
    chosen = {4: SEQUENCES, 2: ("t1ce", "flair"), 3: ("t1", "t1ce", "t2")}
    for count, names in chosen.items():
        array = np.stack([np.asarray(files[name].dataobj) for name in names], axis=-1)
        nib.save(nib.Nifti1Image(array, files["t1"].affine), folder / f"P{count}.nii.gz")
    nib.save(files["flair"], folder / "P1_flair.nii.gz")
    nib.save(files["seg"], folder / "label.nii.gz")
    paths = {count: str(folder / f"P{count}.nii.gz") for count in chosen} | {1: str(folder / "P1_flair.nii.gz")}
    return paths | {"label": str(folder / "label.nii.gz")}


def _handlers(folder) -> list:
    loader = {"_target_": "CheckpointLoader", "load_path": f"{folder}/model.pt", "load_dict": {"model": "$@network"}}
    handlers = json.loads((ROOT / "configs" / "train.json").read_text())["train"]["handlers"]
    return [loader | {"strict": False}, *handlers]


def _changed(images, channels, tmp_path, **more) -> ConfigParser:
    """The config of a training on the images with so many channels, after `use_given_images`."""
    entries = [{"image": images[count], "label": images["label"]} for count in channels]
    parser = ConfigParser()
    parser.read_config(str(ROOT / "configs" / "train.json"))
    parser.update({"bundle_root": str(ROOT), "output_dir": str(tmp_path), "train#dataset#data": entries} | more)
    parser.parse()
    use_given_images(parser)
    return parser


def test_four_channels_train_teacher_and_student_and_start_from_the_networks_that_were_to_be_loaded(images, tmp_path):
    parser = _changed(images, [4], tmp_path, **{"train#handlers": _handlers(ROOT / "models")})
    assert parser["teacher_training"] == "joint" and parser["objective"]["terms"]["barlow_twins"]
    assert parser["start_from"] == str(ROOT / "models")
    handlers = json.loads((ROOT / "configs" / "train.json").read_text())["train"]["handlers"]
    assert [handler["_target_"] for handler in parser["train#handlers"]] == [each["_target_"] for each in handlers]
    (item,) = parser.get_parsed_content("datalist")["training"]
    assert item["t2"] == {"file": images[4], "volume": 2} and item["label"] == images["label"]
    assert parser.get_parsed_content("output_dir") == str(tmp_path / "train_01")


@pytest.mark.parametrize("channels, sequences", [(2, ["t1ce", "flair"]), (1, ["flair"])])
def test_fewer_channels_train_a_student_of_their_sequences_alone(images, tmp_path, channels, sequences):
    (tmp_path / "train_01").mkdir()
    parser = _changed(images, [channels], tmp_path)
    assert parser["teacher_training"] == "none" and parser["objective"]["terms"]["barlow_twins"] is None
    assert parser["student_modalities"] == sequences and parser["start_from"] is None
    assert parser.get_parsed_content("network_def").in_channels == channels
    assert parser.get_parsed_content("output_dir") == str(tmp_path / "train_02")


def test_channels_may_be_named_in_another_order_and_label_values_have_their_convention(images, tmp_path):
    more = {"image_sequences": "flair,t1,t1ce,t2", "label_convention": "brats2023"}
    parser = _changed(images, [4], tmp_path, **more)
    (item,) = parser.get_parsed_content("datalist")["training"]
    assert item["flair"] == {"file": images[4], "volume": 0} and item["t2"] == {"file": images[4], "volume": 3}
    assert item["label_convention"] == "brats2023"
    parser = _changed(images, [3], tmp_path, image_sequences="t1,t1ce,t2")
    assert parser["student_modalities"] == ["t1", "t1ce", "t2"]


def test_images_for_validation_are_used_or_else_those_of_the_training(images, tmp_path, caplog):
    held_out = [{"image": images[1], "label": images["label"]}]
    parts = _changed(images, [1], tmp_path, **{"validate#dataset#data": held_out}).get_parsed_content("datalist")
    assert len(parts["validation"]) == 1 and not [r for r in caplog.records if r.levelname == "WARNING"]
    for none in ([], "$@datalist['validation']"):
        parser = _changed(images, [1], tmp_path, **{"validate#dataset#data": none})
        parts = parser.get_parsed_content("datalist")
        assert parts["validation"] == parts["training"] and "by the Dice on the training images" in caplog.text


def test_any_other_training_is_left_as_it_is():
    parser = ConfigParser()
    parser.read_config(str(ROOT / "configs" / "train.json"))
    before = json.dumps(parser.get())
    use_given_images(parser)
    assert json.dumps(parser.get()) == before


@pytest.mark.parametrize(
    "channels, sentence",
    [
        ([], "There is no image with a label to train on: label one first"),
        ([4, 2], r"P4 has t1\+t1ce\+t2\+flair, but P2 has t1ce\+flair: train on images of the same sequences"),
        ([3], "P3 has 3 channels, and nothing says which sequences these are"),
    ],
)
def test_images_that_cannot_be_trained_on_are_refused(images, tmp_path, channels, sentence):
    with pytest.raises(UserError, match=sentence):
        _changed(images, channels, tmp_path)


def test_entries_and_folders_that_are_wrong_are_refused(images, tmp_path):
    with pytest.raises(UserError, match='entries must be {"image": "a.nii.gz", "label"'):
        _changed(images, [], tmp_path, **{"train#dataset#data": [{"image": images[1]}]})
    with pytest.raises(UserError, match="has no network of flair to start from"):
        _changed(images, [1], tmp_path, **{"train#handlers": _handlers(tmp_path)})


@pytest.mark.parametrize("channels", [4, 1])
def test_a_training_writes_networks_that_say_what_they_were_trained_on(images, tmp_path, channels, caplog):
    caplog.set_level(logging.INFO)
    keys = {key: value for key, value in TINY.items() if not key.startswith("simulated")}
    keys |= {"output_dir": str(tmp_path), "train#trainer#max_epochs": 1}
    entries = [{"image": images[channels], "label": images["label"]}]
    run("train.json", **keys, **{"train#dataset#data": entries, "validate#dataset#data": []})
    names = {"model.pt", "teacher.pt"} if channels == 4 else {"model.pt"}
    assert {path.name for path in (tmp_path / "train_01").glob("*.pt")} == names | {"last.pt"}
    record = json.loads((tmp_path / "train_01" / "model.json").read_text())
    assert record["sequences"] == (["t1ce", "flair"] if channels == 4 else ["flair"])
    assert record["real_subjects"] == [f"P{channels}"] and record["training_subjects"] == 1
    assert record["recipe"] == (
        "joint training of teacher and student with Barlow Twins"
        if channels == 4
        else "no distillation: the student alone"
    )


def test_a_label_map_of_another_grid_ends_the_training_in_a_sentence(images, tmp_path):
    other = tmp_path / "label.nii.gz"
    label = nib.load(images["label"])
    nib.save(nib.Nifti1Image(np.asarray(label.dataobj)[1:], label.affine), other)
    keys = {key: value for key, value in TINY.items() if not key.startswith("simulated")}
    keys |= {"output_dir": str(tmp_path / "out")}
    with pytest.raises(Exception) as caught:
        run("train.json", **keys, **{"train#dataset#data": [{"image": images[1], "label": str(other)}]})
    assert "lies on another grid than" in str(user_message(caught.value)), caught.getrepr()

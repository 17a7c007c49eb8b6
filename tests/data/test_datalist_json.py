# SPDX-License-Identifier: Apache-2.0
"""A dataset.json is read in each of its forms, or refused with the way out."""

import json
from pathlib import Path

import pytest
from conftest import write_msd
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import require_complete, subjects_in


def write_json(folder, content):
    (folder / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize("with_json", [True, False])
def test_msd_volumes_and_label_convention(tmp_path, with_json):
    first, second = subjects_in(write_msd(tmp_path, with_json=with_json), SEQUENCES)
    assert (first["subject"], second["subject"]) == ("BRATS_001", "BRATS_002")  # the unlabelled 485 is left out
    assert first["label_convention"] == "msd"
    assert [first[name]["volume"] for name in ("flair", "t1", "t1ce", "t2")] == [0, 1, 2, 3]
    assert Path(first["flair"]["file"]) == tmp_path / "imagesTr" / "BRATS_001.nii.gz"
    assert Path(first["label"]) == tmp_path / "labelsTr" / "BRATS_001.nii.gz"
    require_complete([first, second], SEQUENCES)
    everyone = subjects_in(tmp_path, "flair", labelled=False)
    assert [item["subject"] for item in everyone] == ["BRATS_001", "BRATS_002", "BRATS_485"]
    assert everyone[0].keys() - {"part"} == {"subject", "label_convention", "flair"}


def test_msd_with_another_order_of_volumes_follows_its_json(tmp_path):
    write_msd(tmp_path)
    content = json.loads((tmp_path / "dataset.json").read_text())
    content["modality"] = {"0": "T1w", "1": "FLAIR"}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    item = subjects_in(tmp_path, SEQUENCES)[0]
    assert (item["t1"]["volume"], item["flair"]["volume"]) == (0, 1)
    assert "t2" not in item


def test_a_json_names_the_patient_of_time_points(tmp_path):
    content = {"training": [{"subject": "s1", "patient": 7, "flair": "f.nii", "label": "l.nii"}]}
    assert subjects_in(write_json(tmp_path, content), SEQUENCES)[0]["patient"] == "7"
    content["training"][0]["patient"] = None
    assert "patient" not in subjects_in(write_json(tmp_path, content), SEQUENCES)[0]


def test_our_dataset_json_keeps_parts_and_maps(tmp_path):
    entry = {"subject": "s0", "flair": "s0/f.nii.gz", "label": "s0/l.nii.gz", "maps": "s0/m.npz"}
    content = {"label_convention": "brats", "training": [entry], "test": [{"subject": "s1", "maps": "s1/m.npz"}]}
    first, second = subjects_in(write_json(tmp_path, content), ["flair", "t1"])
    assert first == {
        "subject": "s0",
        "label_convention": "brats",
        "part": "training",
        "flair": str(tmp_path / "s0/f.nii.gz"),
        "label": str(tmp_path / "s0/l.nii.gz"),
        "maps": str(tmp_path / "s0/m.npz"),
    }
    assert second == {"subject": "s1", "label_convention": "brats", "part": "test", "maps": str(tmp_path / "s1/m.npz")}


def test_a_json_that_lists_images_is_read_by_their_names(tmp_path):
    entry = {"image": ["A/a_flair.nii.gz", "A/a_t1ce.nii.gz"], "label": "A/a_seg.nii.gz", "fold": 0}
    (item,) = subjects_in(write_json(tmp_path, {"training": [entry]}), SEQUENCES)
    assert item["subject"] == "a" and item["flair"] == str(tmp_path / "A/a_flair.nii.gz")


@pytest.mark.parametrize("form", ["{}/anat/t1ce.nii.gz", "{}/T1CE/t1ce.nii.gz", "{}/2_T1GD/NIFTI/T1GD.nii.gz"])
def test_subjects_without_a_name_are_called_after_their_folders(tmp_path, form):
    entries = [{"t1ce": form.format(subject)} for subject in ("P1", "P2")]
    items = subjects_in(write_json(tmp_path, {"training": entries}), SEQUENCES, labelled=False)
    assert [item["subject"] for item in items] == ["P1", "P2"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "dataset.json is not valid JSON"),
        ({"train": []}, "lists no subjects: it needs the form"),
        ({"training": [{"subject": "a"}]}, '"training" entry 1 names neither a sequence nor an image'),
        (
            {"label_convention": "x", "training": [{"flair": "a.nii"}]},
            '"label_convention" is "x": choose one of brats, brats2023, msd',
        ),
        (
            {"modality": {"0": "CT"}, "training": [{"image": "a.nii", "label": "b.nii"}]},
            '"CT" in dataset.json is unknown',
        ),
        (
            {"labels": {"1": "necrosis"}, "training": [{"image": "a.nii", "label": "b"}]},
            'label 1 is "necrosis", not the',
        ),
        ({"training": [{"image": ["a.nii"], "label": "b"}]}, "a.nii does not say in its name which sequence"),
        ({"training": [{"subject": "a", "flair": 3, "label": "b"}]}, "3 is not a path"),
        ({"training": [{"subject": "site/a", "flair": "b", "label": "c"}]}, 'subject "site/a" has a slash'),
        ({"training": [{"subject": "..", "t1": "b", "label": "c"}]}, 'entry 1: the subject ".." is not the name of a'),
        ({"training": [{"subject": ".", "t1": "b", "label": "c"}]}, 'the subject "." is not the name of a folder'),
        ({"training": [{"subject": "", "t1": "b", "label": "c"}]}, 'the subject "" is not the name of a folder'),
        ({"training": [{"subject": ["a"], "t1": "b", "label": "c"}]}, "is not the name of a folder.*give another"),
        (
            {"modality": ["FLAIR", "T1w"], "training": [{"image": "a.nii", "label": "b.nii"}]},
            r'"modality" in dataset.json is \["FLAIR", "T1w"\], and must number the volumes: write it as {"0": "FLAIR"',
        ),
        ({"channel_names": "FLAIR", "training": [{"image": "a.nii", "label": "b"}]}, '"channel_names" .* is "FLAIR"'),
        (
            {"label_convention": ["x"], "training": [{"t1": "a", "label": "b"}]},
            r"""json.*"label_convention" is "\['x'\]": choose""",
        ),
        (
            {"label_convention": {"x": 1}, "training": [{"t1": "a", "label": "b"}]},
            '"label_convention" is .*: choose one of brats',
        ),
        ({"training": [{"subject": "a", "t1": {"file": 3, "volume": 0}, "label": "b"}]}, "is not a path"),
        (
            {"training": [{"image": {"file": "a.nii", "volume": 0}, "label": "b"}]},
            "is not a path: give the file's path",
        ),
        ({"training": [{"subject": "a", "t1": "b"}] * 2}, None),
    ],
)
def test_a_json_of_another_form_is_refused(tmp_path, content, message):
    with pytest.raises(UserError, match=message or "The subject a occurs twice, in .*entry 1 and .*entry 2"):
        subjects_in(write_json(tmp_path, content), SEQUENCES, labelled=message is not None)


def test_a_contrast_agent_in_the_names_of_listed_images_is_the_subjects(tmp_path):
    entry = {"image": ["S_CE_t1.nii", "S_CE_flair.nii"], "label": "S_CE_seg.nii"}
    (item,) = subjects_in(write_json(tmp_path, {"training": [entry]}), SEQUENCES)
    assert item["subject"] == "S_CE" and "t1" in item and "t1ce" not in item


@pytest.mark.parametrize("key", ["label_convention", "numbering"])  # numbering: before version 0.7
def test_the_label_convention_is_read_from_file_or_entry(tmp_path, key):
    entries = [{"subject": "a", "t1": "a", "label": "b"}, {"subject": "b", "t1": "c", "label": "d", key: "msd"}]
    items = subjects_in(write_json(tmp_path, {key: "brats2023", "training": entries}), SEQUENCES)
    assert [item["label_convention"] for item in items] == ["brats2023", "msd"]


@pytest.mark.parametrize("key, meant", [("t1gd", "t1ce"), ("T1", "t1"), ("flare", "flair"), ("seg", "label")])
def test_another_name_of_a_sequence_is_refused_with_the_right_one(tmp_path, key, meant):
    content = {"training": [{"subject": "a", "t2": "a.nii", "label": "l.nii", "fold": 3, key: "b.nii"}]}
    with pytest.raises(UserError, match=f'"training" entry 1: nothing reads the key "{key}": did you mean "{meant}"'):
        subjects_in(write_json(tmp_path, content), SEQUENCES)


def test_a_key_that_occurs_twice_is_refused(tmp_path):
    with pytest.raises(UserError, match='is not valid JSON .the key "test" occurs twice.'):
        subjects_in(write_json(tmp_path, '{"test": [{"subject": "a", "t1": "a.nii"}], "test": []}'), SEQUENCES)


def test_a_file_of_two_subjects_is_refused(tmp_path):
    entries = [{"subject": "a", "t1": "1.nii", "label": "l.nii"}, {"subject": "b", "t1": "2.nii", "label": "l.nii"}]
    with pytest.raises(UserError, match="l.nii is listed for two subjects, a and b: give each its own files"):
        subjects_in(write_json(tmp_path, {"training": entries}), SEQUENCES)

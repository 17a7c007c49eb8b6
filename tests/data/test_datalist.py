# SPDX-License-Identifier: Apache-2.0
"""Datalist items name what was asked for, and incomplete subjects are told."""

import json

import pytest
from conftest import save, scan_array, write_msd, write_subject
from scripts.common.errors import UserError
from scripts.common.label_map_state import sha256_of
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import missing_files, require_complete, subjects_in
from tiny import ROOT

REAL = ROOT.parent / "shared" / "data" / "brats2021"


def test_items_name_only_what_was_asked_for(tmp_path):
    write_subject(tmp_path, "a")
    (item,) = subjects_in(tmp_path, ["t1ce", "flair"], labelled=False)
    assert item.keys() == {"subject", "label_convention", "t1ce", "flair"}


def test_the_label_convention_of_all_label_maps_can_be_given(tmp_path):
    write_subject(tmp_path, "a")
    assert subjects_in(tmp_path, SEQUENCES, label_convention="msd")[0]["label_convention"] == "msd"
    assert subjects_in(tmp_path, SEQUENCES)[0]["label_convention"] == "brats"


def test_incomplete_subjects_are_listed_and_told_apart(tmp_path):
    write_subject(tmp_path, "a")
    write_subject(tmp_path, "b", names=("t2", "flair"))
    (tmp_path / "c").mkdir()
    a, b, c = subjects_in(tmp_path, SEQUENCES)
    assert missing_files(a, SEQUENCES, label=True) == []
    assert missing_files(b, SEQUENCES, label=True) == ["t1", "t1ce", "label"]
    assert missing_files(b, ["flair"]) == []
    assert missing_files(c, ["flair"]) == ["flair"]
    require_complete([a, b], ["flair", "t2"], label=False)
    with pytest.raises(
        UserError,
        match=r"1 of 2 subjects are incomplete: b lacks t1ce, label\. Add the files, or take the subjects out",
    ):
        require_complete([a, b], ["t1ce", "t2"])


def test_a_listed_file_that_does_not_exist_is_missing(tmp_path):
    folder = write_subject(tmp_path, "a")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    (folder / "a_t2.nii.gz").unlink()
    assert missing_files(item, SEQUENCES) == ["t2"]


def test_two_files_of_one_sequence_are_refused_by_name(tmp_path):
    folder = write_subject(tmp_path, "a")
    save(scan_array(9), folder / "a_t1gd.nii")
    with pytest.raises(UserError, match=r"a: .*a_t1ce.nii.gz and .*a_t1gd.nii both claim to be the t1ce: keep one"):
        subjects_in(tmp_path, ["t1ce", "flair"])
    assert len(subjects_in(tmp_path, "flair")) == 1  # nobody asked for the t1ce


def test_a_dataset_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write_subject(tmp_path, "S1")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UserError, match="dataset folder .* may not be read: allow it, or give another dataset_dir"):
        subjects_in(tmp_path, SEQUENCES)


def test_a_missing_empty_or_strange_folder_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(UserError, match="dataset folder .*nowhere does not exist: give an existing one as dataset_dir"):
        subjects_in(tmp_path / "nowhere", SEQUENCES)
    with pytest.raises(UserError, match="is empty: fill it, or give another"):
        subjects_in(tmp_path, SEQUENCES)
    (tmp_path / "notes.txt").write_text("foreign")
    with pytest.raises(UserError, match="notes.txt is a file, and dataset_dir must be a folder"):
        subjects_in(tmp_path / "notes.txt", SEQUENCES)
    with pytest.raises(
        UserError, match="No subject was found in .*: name the files in one of these ways.*BraTS2021_00006_t1ce"
    ):
        subjects_in(tmp_path, SEQUENCES)


@pytest.mark.skipif(not REAL.is_dir(), reason="the eleven real BraTS 2021 subjects are not at ../shared/data/brats2021")
def test_the_eleven_real_subjects_are_found_complete():
    items = subjects_in(REAL, SEQUENCES)
    assert len(items) == 11 and {item["label_convention"] for item in items} == {"brats"}
    require_complete(items, SEQUENCES)


def test_a_subject_with_two_files_of_one_sequence_fails_alone_where_no_labels_are_needed(tmp_path):
    folder = write_subject(tmp_path, "a", names=("t1",))
    save(scan_array(10), folder / "a_T1w.nii.gz")
    write_subject(tmp_path, "b", names=("t1",))
    a, b = subjects_in(tmp_path, SEQUENCES, labelled=False)
    assert a["error"].startswith("a: ") and "both claim to be the t1: keep one" in a["error"] and "error" not in b


def test_a_label_map_that_inference_made_is_no_truth_until_somebody_corrects_it(tmp_path):
    folder = write_subject(tmp_path, "a")
    label = folder / "a_seg.nii.gz"
    record = {"subject": "a", "volumes_ml": {}, "networks": [], "label_map_sha256": sha256_of(label)}
    (folder / "a_seg.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="a: .*a_seg.nii.gz was made by inference, as the record beside it says"):
        subjects_in(tmp_path, SEQUENCES)
    assert len(subjects_in(tmp_path, SEQUENCES, labelled=False)) == 1
    label.write_bytes(b"corrected")
    assert subjects_in(tmp_path, SEQUENCES)[0]["label"] == str(label)


def test_where_no_label_is_needed_one_of_inference_is_not_named_and_nobody_is_left_out(tmp_path):
    for name in ("a", "b"):
        write_subject(tmp_path, name, names=("flair", "label"))
    label = tmp_path / "a" / "a_seg.nii.gz"
    record = {"subject": "a", "volumes_ml": {}, "networks": [], "label_map_sha256": sha256_of(label)}
    (tmp_path / "a" / "a_seg.json").write_text(json.dumps(record))
    a, b = subjects_in(tmp_path, ["flair"], label_needed=False)
    assert "label" not in a and "a_seg.nii.gz was made by inference" in a["not_expert"]
    assert b["label"] == str(tmp_path / "b" / "b_seg.nii.gz") and "not_expert" not in b


@pytest.mark.parametrize("with_json", [True, False])
def test_where_no_label_is_needed_scans_of_msd_without_one_are_listed(tmp_path, with_json):
    items = subjects_in(write_msd(tmp_path, with_json=with_json), ["flair"], label_needed=False)
    assert {item["subject"]: "label" in item for item in items} == {
        "BRATS_001": True,
        "BRATS_002": True,
        "BRATS_485": False,
    }

# SPDX-License-Identifier: Apache-2.0
"""Scans in other formats than NIfTI are named, not left out without a word."""

import os

import pytest
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in


def tree(root, *names, content=b""):
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return root


def errors(root):
    items = subjects_in(root, SEQUENCES, labelled=False)
    return {item["subject"]: item["error"] for item in items if "error" in item}


@pytest.mark.parametrize(
    "file, way_out",
    [
        ("P1/IM0001.dcm", "is DICOM: make it ready with python -m scripts.preprocess, or convert"),
        ("P1/study/series/IM0001.dcm", "is DICOM"),
        ("P1/P1_t1ce.mha", "is an image in another format: convert it to NIfTI"),
        ("P1/P1_t1ce.mhd", "convert it to NIfTI"),
        ("P1/P1_t1ce.nrrd", "convert it to NIfTI"),
        ("P1/P1_t1ce.img", "convert it to NIfTI"),
        ("P1/scans.zip", "is an archive: unpack it"),
        ("P1.zip", "is an archive: unpack it"),
        ("P1_t1ce.mha", "convert it to NIfTI"),
    ],
)
def test_a_subject_in_another_format_has_an_error_with_the_way_out(tmp_path, file, way_out):
    tree(tmp_path, "S1/S1_t1.nii.gz", file, "notes.txt", "figures/a.png")
    (name,) = errors(tmp_path)
    assert name == "P1" and errors(tmp_path)["P1"].startswith("P1: no NIfTI file was found, and ")
    assert way_out in errors(tmp_path)["P1"] and file.rsplit("/", 1)[-1] in errors(tmp_path)["P1"]


def test_dicom_without_an_ending_is_known_by_its_mark(tmp_path):
    tree(tmp_path, "S1/S1_t1.nii.gz", "P2/IM0001")
    tree(tmp_path, "P1/1.2.840.113619.2", content=bytes(128) + b"DICM")
    assert list(errors(tmp_path)) == ["P1"]


def test_only_other_formats_are_told_each(tmp_path):
    tree(tmp_path, "P1/a.dcm", "P2/b.dcm")
    assert list(errors(tmp_path)) == ["P1", "P2"]


def test_a_subjects_own_folder_may_hold_anything(tmp_path):
    tree(tmp_path, "S1/S1_t1.nii.gz", "S1/dicom/IM0001.dcm", "S1/raw.zip", "S2/T1/S2_t1.nii.gz", "S2/T2/a.dcm")
    assert errors(tmp_path) == {}


def test_a_scan_in_another_format_beside_others_is_flagged(tmp_path):
    tree(tmp_path, "S1/S1_flair.nii.gz", "S1/S1_t1ce.mha")
    (item,) = subjects_in(tmp_path, SEQUENCES, labelled=False)
    assert item["ignored"] == "S1_t1ce.mha" and "error" not in item


def test_folders_deep_below_are_told_with_their_path_if_the_name_is_taken(tmp_path):
    tree(tmp_path, "A/P1/P1_t1.nii.gz", "B/P1/a.dcm", "B/P2/P2_t1.nii.gz")
    assert list(errors(tmp_path)) == ["B_P1"]


def test_training_goes_on_without_them_and_warns(tmp_path):
    tree(tmp_path, "S1/S1_t1.nii.gz", "P1/a.dcm")
    with pytest.warns(UserWarning, match="P1: no NIfTI file was found, and .*a.dcm is DICOM"):
        assert [item["subject"] for item in subjects_in(tmp_path, SEQUENCES)] == ["S1"]
    (tmp_path / "S1" / "S1_t1.nii.gz").unlink()
    (tmp_path / "S1").rmdir()
    with pytest.raises(UserError, match="a.dcm is DICOM: make it ready with"):
        subjects_in(tmp_path, SEQUENCES)


@pytest.mark.parametrize(
    "name, shown, problem",
    [
        ("P\n1", "P%0A1", "has a line break or another control character"),
        (b"M\xfcller", "M%FCller", "has bytes that are no text of UTF-8"),
        ("x" * 210, "x" * 50 + " ... " + "x" * 50, "has more than 200 bytes"),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_a_subject_whose_name_cannot_be_that_of_results_has_an_error(tmp_path, name, shown, problem, flat):
    name = os.fsencode(name)
    tree(tmp_path, "S1_t1.nii.gz" if flat else "S1/S1_t1.nii.gz", (b"" if flat else name + b"/") + name + b"_t1.nii.gz")
    found = errors(tmp_path)
    assert list(found) == [shown] and f"{shown}: the name of this subject {problem}" in found[shown]
    found[shown].encode()
    with pytest.raises(UserError, match="the name of this subject"):
        subjects_in(tmp_path, SEQUENCES)


def test_a_time_point_in_another_format_is_called_by_its_patient_too(tmp_path):
    tree(tmp_path, "P1/2020/a.dcm", "P1/2021/flair.nii.gz")
    assert list(errors(tmp_path)) == ["P1_2020"]


def test_folders_that_are_links_are_searched_and_links_to_nowhere_are_named(tmp_path):
    root = tree(tmp_path / "scans", "P1/P1_t1.nii.gz")
    tree(tmp_path / "elsewhere", "1.dcm")
    (root / "P2").symlink_to(tmp_path / "elsewhere")
    (root / "P3").symlink_to(tmp_path / "gone")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    found = errors(root)
    assert set(found) == {"P2", "P3"} and "is DICOM" in found["P2"]
    assert found["P3"].endswith("P3 is a link to nowhere: correct it, or take it out of the folder.")

# SPDX-License-Identifier: Apache-2.0
"""The subject of a file is its prefix or a folder above that is named after neither a sequence nor a format."""

from pathlib import Path

import pytest
from scripts.data.subject_name import is_visit, name_of_folder, patient_of_folder, subject_folder, subject_of_file


@pytest.mark.parametrize(
    "file", ["t1ce.nii.gz", "anat/t1ce.nii.gz", "T1CE/t1ce.nii.gz", "2_T1GD/NIFTI/T1GD.nii.gz", "Anat/T1/nifti/t1.nii"]
)
def test_a_file_without_a_prefix_is_of_the_subject_whose_folder_it_lies_in(file):
    assert subject_of_file(Path("/data/P1") / file, "") == "P1"


def test_a_prefix_is_the_subject():
    assert subject_of_file(Path("/data/P1/anat/P2_t1.nii"), "P2") == "P2"


def test_a_file_in_folders_of_sequences_alone_has_no_subject():
    assert subject_of_file(Path("/T1/nifti/t1.nii"), "") == ""


def test_a_relative_path_is_of_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "P3" / "anat").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "P3" / "anat")
    assert subject_of_file(Path("t1.nii"), "") == "P3"
    monkeypatch.chdir(tmp_path / "P3")
    assert subject_folder(Path("anat")).name == "P3"


def test_a_folder_between_is_called_by_the_one_above():
    assert subject_folder(Path("/data/P1/anat/NIFTI")) == Path("/data/P1")
    assert subject_folder(Path("/data/P1_nifti")) == Path("/data/P1_nifti")


def test_dates_numbers_and_words_for_a_visit_are_time_points():
    visits = "2020 2020-01-31 1996.08.23 01 ses-1 ses-pre session_2 visit3 baseline followup follow-up_2 tp1".split()
    visits += ["week-000-1", "Day 3", "month06", "timepoint_1"]
    assert all(map(is_visit, visits))
    patients = "P1 HGG BraTS2021_00001 sub-01 1_T1 post native sessile visitor weekly TCGA-02-0006 -".split()
    assert not any(map(is_visit, patients))


def test_a_time_point_is_called_by_its_patient_too():
    root = Path("/data")
    for folder, name in (("P1/2020", "P1_2020"), ("a/P1/2020/01", "P1_2020_01"), ("a/P1", "P1"), ("007", "007")):
        assert name_of_folder(root / folder, root) == name
    assert name_of_folder(root / "2020/007", root) == "2020_007" and name_of_folder(root, root) == "data"


def test_the_patient_of_a_time_point_is_the_folder_above_and_other_folders_have_none():
    root = Path("/data")
    assert patient_of_folder(root / "site/P1/2020", root) == "P1"
    assert patient_of_folder(root / "site/P1/2020/ses-1", root) == "P1"
    assert patient_of_folder(root / "site/P1/2020", root, with_path=True) == "site_P1"
    assert [patient_of_folder(root / name, root) for name in ("P1", "site/P1", "2020", "2020/ses-1")] == [None] * 4

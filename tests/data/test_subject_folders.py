# SPDX-License-Identifier: Apache-2.0
"""Subjects are found by the names of their files and folders."""

import os
import shutil
from pathlib import Path

import pytest
from conftest import label_array, save, scan_array, write_subject
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.data.splits import patient_of

ALL = {"subject", "label_convention", "t1", "t1ce", "t2", "flair", "label"}


def files(item):
    return {name: Path(item[name]).name for name in (*SEQUENCES, "label") if name in item}


def tree(root, *names):
    """Empty files; no scan is opened to list them."""
    for name in names:
        path = root / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root, labelled=True):
    items = subjects_in(root, SEQUENCES, labelled)
    return {
        item["subject"]: {
            name: Path(item[name]).name[:-7] for name in ALL - {"subject"} & set(item) if name != "label_convention"
        }
        for item in items
    }


def test_brats_2021_naming(tmp_path):
    write_subject(tmp_path, "BraTS2021_00002")
    write_subject(tmp_path, "BraTS2021_00001", suffix=".nii")
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert (first["subject"], second["subject"]) == ("BraTS2021_00001", "BraTS2021_00002")  # sorted
    assert first.keys() == ALL and first["label_convention"] == "brats"
    assert files(first)["t1"] == "BraTS2021_00001_t1.nii" and files(second)["t1ce"] == "BraTS2021_00002_t1ce.nii.gz"
    assert Path(first["label"]).is_absolute()


def test_brats_2023_naming(tmp_path):
    write_subject(tmp_path, "BraTS-GLI-00005-000", "brats2023")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    assert item["label_convention"] == "brats2023"
    assert files(item) == {
        "t1": "BraTS-GLI-00005-000-t1n.nii.gz",
        "t1ce": "BraTS-GLI-00005-000-t1c.nii.gz",
        "t2": "BraTS-GLI-00005-000-t2w.nii.gz",
        "flair": "BraTS-GLI-00005-000-t2f.nii.gz",
        "label": "BraTS-GLI-00005-000-seg.nii.gz",
    }


def test_brats_2018_parent_folders(tmp_path):
    write_subject(tmp_path / "HGG", "Brats18_2013_0_1")
    write_subject(tmp_path / "LGG", "Brats18_TCIA13_645_1")
    assert [item["subject"] for item in subjects_in(tmp_path, SEQUENCES)] == [
        "Brats18_2013_0_1",
        "Brats18_TCIA13_645_1",
    ]


def test_the_misnamed_label_map_of_brats_2020(tmp_path):
    folder = write_subject(tmp_path, "BraTS20_Training_355", names=("flair",))
    save(label_array(), folder / "W39_1998.09.19_Segm.nii")
    for place in (tmp_path, folder):  # as one of many, and as the dataset itself
        (item,) = subjects_in(place, "flair")
        assert item["subject"] == "BraTS20_Training_355"
        assert files(item)["label"] == "W39_1998.09.19_Segm.nii"


def test_a_flat_folder_of_files(tmp_path):
    for name in ("a_flair", "a_t1ce", "b_flair", "b_seg"):
        save(scan_array(9), tmp_path / f"{name}.nii.gz")
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first.keys() == {"subject", "label_convention", "flair", "t1ce"} and first["subject"] == "a"
    assert second.keys() == {"subject", "label_convention", "flair", "label"} and second["subject"] == "b"


def test_a_folder_that_is_one_subject(tmp_path):
    folder = write_subject(tmp_path, "BraTS2021_00001")
    (item,) = subjects_in(folder, SEQUENCES)
    assert item["subject"] == "BraTS2021_00001" and item.keys() == ALL


def test_plain_file_names_take_the_name_of_their_folder(tmp_path):
    save(scan_array(9), tmp_path / "Jane" / "flair.nii.gz")
    assert [item["subject"] for item in subjects_in(tmp_path, "flair")] == ["Jane"]
    assert [item["subject"] for item in subjects_in(tmp_path / "Jane", "flair")] == ["Jane"]


def test_hidden_and_foreign_files_are_ignored(tmp_path):
    folder = write_subject(tmp_path, "a")
    shutil.copy(folder / "a_t1.nii.gz", folder / "._a_t1.nii.gz")
    save(scan_array(9), folder / "a_brainmask.nii.gz")
    save(scan_array(9), tmp_path / ".trash" / "b" / "b_t1.nii.gz")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.txt").write_text("foreign")
    (tmp_path / "survival_info.csv").write_text("foreign")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    assert files(item)["t1"] == "a_t1.nii.gz" and item.keys() == ALL


def test_files_with_the_sequence_in_the_middle_of_their_name_are_named(tmp_path):
    for name in ("S1/S1_t2.nii.gz", "S1/S1_t1ce_mprage.nii.gz", "S1/S1_mask.nii.gz", "S2/S2_t2.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first["ignored"] == "S1_t1ce_mprage.nii.gz" and "t1ce" not in first and "ignored" not in second
    for file in (tmp_path / "S1").iterdir():
        file.rename(tmp_path / file.name)
    (tmp_path / "S2" / "S2_t2.nii.gz").rename(tmp_path / "S2_t2.nii.gz")
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first["ignored"] == "S1_t1ce_mprage.nii.gz" and "ignored" not in second


def test_scans_that_were_moved_to_a_t1_are_no_t1_and_no_subjects_of_their_own(tmp_path):
    tree(tmp_path, "P1/P1_flair_in_t1", "P2/P2_t1", "P2/P2_flair_in_t1", "P2/P2_t1ce_in_t1")
    tree(tmp_path, "P3/P3_t1", "P3/P3_t1ce_minus_t1")
    assert found(tmp_path) == {
        "P1": {"flair": "P1_flair_in_t1"},
        "P2": {"t1": "P2_t1", "flair": "P2_flair_in_t1", "t1ce": "P2_t1ce_in_t1"},
        "P3": {"t1": "P3_t1"},
    }
    assert subjects_in(tmp_path, SEQUENCES)[2]["ignored"] == "P3_t1ce_minus_t1.nii.gz"


def test_files_beside_subject_folders_do_not_hide_the_folders(tmp_path):
    write_subject(tmp_path, "a")
    save(scan_array(9), tmp_path / "atlas_t1.nii.gz")
    assert [item["subject"] for item in subjects_in(tmp_path, SEQUENCES)] == ["a", "atlas"]


def test_folders_of_one_name_are_called_by_their_path(tmp_path):
    tree(tmp_path, "Patient-001/week-000-1/CT1", "Patient-001/week-044/T2", "Patient-002/week-000-1/FLAIR")  # LUMIERE
    assert found(tmp_path) == {
        "Patient-001_week-000-1": {"t1ce": "CT1"},
        "Patient-001_week-044": {"t2": "T2"},
        "Patient-002_week-000-1": {"flair": "FLAIR"},
    }


def test_bids_subjects_and_sessions(tmp_path):
    tree(tmp_path, "sub-01/ses-1/anat/sub-01_ses-1_T1w", "sub-01/ses-2/anat/sub-01_ses-2_ce-gd_T1w")
    tree(tmp_path, "sub-02/anat/sub-02_ce-gadolinium_run-1_T1w", "sub-02/anat/sub-02_run-1_T1w", "sub-03/anat/T2w")
    assert found(tmp_path) == {
        "sub-01_ses-1": {"t1": "sub-01_ses-1_T1w"},
        "sub-01_ses-2": {"t1ce": "sub-01_ses-2_ce-gd_T1w"},
        "sub-02": {"t1ce": "sub-02_ce-gadolinium_run-1_T1w", "t1": "sub-02_run-1_T1w"},
        "sub-03": {"t2": "T2w"},
    }


def test_bids_files_in_one_folder_are_one_subject_whatever_their_contrast(tmp_path):
    tree(tmp_path, "sub-01_ce-gadolinium_T1w", "sub-01_T1w", "sub-02_T1w")
    assert found(tmp_path) == {
        "sub-01": {"t1ce": "sub-01_ce-gadolinium_T1w", "t1": "sub-01_T1w"},
        "sub-02": {"t1": "sub-02_T1w"},
    }


def test_label_maps_in_a_folder_of_their_own_join_their_subjects(tmp_path):  # UPENN-GBM
    for subject in ("UPENN-GBM-00001_11", "UPENN-GBM-00002_11"):
        tree(tmp_path / "images_structural" / subject, f"{subject}_T1", f"{subject}_T1GD")
    tree(tmp_path / "images_segm", "UPENN-GBM-00001_11_segm", "UPENN-GBM-00009_11_segm")
    assert found(tmp_path) == {
        "UPENN-GBM-00001_11": {
            "t1": "UPENN-GBM-00001_11_T1",
            "t1ce": "UPENN-GBM-00001_11_T1GD",
            "label": "UPENN-GBM-00001_11_segm",
        },
        "UPENN-GBM-00002_11": {"t1": "UPENN-GBM-00002_11_T1", "t1ce": "UPENN-GBM-00002_11_T1GD"},
    }
    assert all("label" not in names for names in found(tmp_path, labelled=False).values())


def test_a_subject_that_has_only_its_label_map_left_is_listed(tmp_path):
    tree(tmp_path / "folders", "S1/S1_seg", "S2/S2_t1")
    assert found(tmp_path / "folders") == {"S1": {}, "S2": {"t1": "S2_t1"}}
    tree(tmp_path / "flat", "S1_seg", "S2_t1", "S3_t1")
    assert found(tmp_path / "flat") == {"S1": {"label": "S1_seg"}, "S2": {"t1": "S2_t1"}, "S3": {"t1": "S3_t1"}}


def test_derived_files_of_sequences_that_are_there_are_not_flagged(tmp_path):  # UCSF-PDGM
    subject = "UCSF-PDGM-0004"
    names = [f"{subject}_nifti/{subject}_{name}" for name in ("T1", "T1_bias", "T1c_bias", "T2", "T2_bias", "ADC")]
    tree(tmp_path, *names, f"{subject}_nifti/{subject}_tumor_segmentation")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    assert item["subject"] == f"{subject}_nifti" and item["ignored"] == f"{subject}_T1c_bias.nii.gz"
    assert Path(item["label"]).name == f"{subject}_tumor_segmentation.nii.gz"


def test_repeats_and_what_spm_has_made_are_named(tmp_path):
    tree(tmp_path, "P1/P1_t1", "P1/P1_t1_2", "P1/P1_T1_bias", "P2/t1", "P2/rflair")
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first["ignored"] == "P1_t1_2.nii.gz" and second["ignored"] == "rflair.nii.gz"


def test_a_file_is_flagged_on_the_subject_whose_name_it_bears_alone(tmp_path):
    tree(tmp_path, "S1_flair", "S10_flair", "S10_t2_copy")
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first["subject"] == "S1" and "ignored" not in first and second["ignored"] == "S10_t2_copy.nii.gz"


def test_folders_of_sequences_are_joined_to_the_subject_above(tmp_path):
    tree(tmp_path / "one", "P1/T1CE/P1_t1ce", "P1/FLAIR/P1_flair", "P1/SEG/P1_seg")
    one = {"P1": {"t1ce": "P1_t1ce", "flair": "P1_flair", "label": "P1_seg"}}
    assert found(tmp_path / "one") == found(tmp_path / "one" / "P1") == one
    tree(tmp_path / "many", "P1/T1/P1_t1", "P1/T2/P1_t2", "P2/T2/P2_t2", "P3/P3_t1", "P4/t1ce/t1ce", "P4/flair")
    assert found(tmp_path / "many") == {
        "P1": {"t1": "P1_t1", "t2": "P1_t2"},
        "P2": {"t2": "P2_t2"},
        "P3": {"t1": "P3_t1"},
        "P4": {"t1ce": "t1ce", "flair": "flair"},
    }


def test_numbered_folders_of_sequences_and_folders_in_them_are_joined(tmp_path):  # EGD
    for subject in ("EGD-0001", "EGD-0002"):
        tree(tmp_path / subject, "1_T1/NIFTI/T1", "2_T1GD/NIFTI/T1GD", "3_T2/NIFTI/T2", "4_FLAIR/NIFTI/FLAIR")
    scans = {"t1": "T1", "t1ce": "T1GD", "t2": "T2", "flair": "FLAIR"}
    assert found(tmp_path) == {"EGD-0001": scans, "EGD-0002": scans}


@pytest.mark.parametrize("between", ["nifti", "NIFTI", "anat", "Anat/nifti"])
def test_a_folder_between_the_subject_and_its_scans_has_no_say_in_its_name(tmp_path, between):
    tree(tmp_path / "one", f"P1/{between}/t1", f"P1/{between}/flair")
    assert found(tmp_path / "one") == found(tmp_path / "one" / "P1") == {"P1": {"t1": "t1", "flair": "flair"}}
    tree(tmp_path / "two", f"P1/{between}/t1", f"P2/{between}/t1")
    assert found(tmp_path / "two") == {"P1": {"t1": "t1"}, "P2": {"t1": "t1"}}
    tree(tmp_path / "times", f"P1/2019/{between}/t1", f"P1/2020/{between}/t1", f"P2/2019/{between}/t1")
    assert found(tmp_path / "times").keys() == {"P1_2019", "P1_2020", "P2_2019"}
    tree(tmp_path / "sequences", f"T1/P1/{between}/t1", f"T1/P2/{between}/t1", f"FLAIR/P1/{between}/flair")
    assert found(tmp_path / "sequences") == {"P1": {"t1": "t1", "flair": "flair"}, "P2": {"t1": "t1"}}


def test_folders_of_sequences_that_hold_all_subjects_are_joined_by_subject(tmp_path):
    tree(tmp_path / "files", "T1CE/S1_t1ce", "T1CE/S2_t1ce", "FLAIR/S1_flair", "FLAIR/S2_flair")
    scans = {subject: {"t1ce": f"{subject}_t1ce", "flair": f"{subject}_flair"} for subject in ("S1", "S2")}
    assert found(tmp_path / "files") == scans
    tree(tmp_path / "folders", "T1CE/S1/t1ce", "T1CE/S2/t1ce", "FLAIR/S1/flair", "FLAIR/S2/flair")
    assert found(tmp_path / "folders") == {s: {"t1ce": "t1ce", "flair": "flair"} for s in ("S1", "S2")}


def test_folders_of_one_sequence_each_are_joined_where_the_files_name_the_subject_above(tmp_path):
    tree(tmp_path, "P1/post/P1_t1ce", "P1/other/P1_flair", "P2/P2_t1ce", "P2/other/P2_flair")
    assert found(tmp_path) == {
        "P1": {"t1ce": "P1_t1ce", "flair": "P1_flair"},
        "P2": {"t1ce": "P2_t1ce", "flair": "P2_flair"},
    }


def test_time_points_and_patients_of_one_sequence_each_are_not_joined(tmp_path):
    tree(tmp_path / "times", "P1/2019/P1_flair", "P1/2020/P1_flair", "P2/2019/P2_flair")
    assert found(tmp_path / "times").keys() == {"P1_2019", "P1_2020", "P2_2019"}
    tree(tmp_path / "patients", "007/scan_t1ce", "008/scan_flair")
    assert found(tmp_path / "patients") == {"007": {"t1ce": "scan_t1ce"}, "008": {"flair": "scan_flair"}}


def test_a_time_point_is_called_by_its_patient_whatever_else_lies_there(tmp_path):
    tree(tmp_path, "P1/2020/flair", "P2/2021/P2_flair", "site/P4/baseline/nifti/t1")
    tree(tmp_path, "sub-01/ses-1/anat/sub-01_ses-1_T1w", "sub-02/ses-1/sub-02_ses-1_T1w", "sub-03/ses-1/anat/T1w")
    names = {"P1_2020", "P2_2021", "P4_baseline", "sub-01_ses-1", "sub-02_ses-1", "sub-03_ses-1"}
    assert found(tmp_path).keys() == names
    tree(tmp_path, "P3/2020/flair")
    assert found(tmp_path).keys() == names | {"P3_2020"}


def test_scans_of_two_dates_are_not_joined(tmp_path):
    tree(tmp_path, "P1/2020/P1_t1", "P1/2021/P1_flair", "P2/P2_t1ce", "P2/ses-2/P2_flair", "labels/P1_2020_seg")
    assert found(tmp_path) == {
        "P1_2020": {"t1": "P1_t1", "label": "P1_2020_seg"},
        "P1_2021": {"flair": "P1_flair"},
        "P2": {"t1ce": "P2_t1ce"},
        "P2_ses-2": {"flair": "P2_flair"},
    }


@pytest.mark.parametrize("file", ["P5_t1ce", "P5_seg"])
def test_files_of_another_patient_are_refused(tmp_path, file):
    tree(tmp_path, "P5/P5_t1", "P5_followup/P5_t1", f"P4/{file}", *(["P4/P4_t1"] if file == "P5_seg" else []))
    sentence = (
        rf"P4/{file}.nii.gz was found for the subject P4, but begins with the name of another, P5 \(.*/P5\): move"
    )
    with pytest.raises(UserError, match=sentence):
        subjects_in(tmp_path, SEQUENCES)
    shutil.rmtree(tmp_path / "P4")
    assert found(tmp_path).keys() == {"P5", "P5_followup"}


def test_subjects_that_are_called_like_sequences_stay_subjects(tmp_path):
    tree(tmp_path, "T1/t1ce", "T1/flair", "T2/t1ce", "T2/flair", "T3/flair")
    assert found(tmp_path).keys() == {"T1", "T2", "T3"}


def test_a_file_of_another_sequence_than_its_folder_is_refused(tmp_path):
    tree(tmp_path, "P1/T1CE/P1_t1", "P1/FLAIR/P1_flair")
    with pytest.raises(UserError, match="P1/T1CE/P1_t1.nii.gz lies in a folder called T1CE, but its own name says t1:"):
        subjects_in(tmp_path, SEQUENCES)


def test_a_file_in_a_folder_of_a_sequence_that_is_not_understood_is_named(tmp_path):
    tree(tmp_path, "P1/T1CE/scan", "P1/FLAIR/P1_flair", "P1/FLAIR/mask")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    assert item["subject"] == "P1" and item["ignored"] == "T1CE/scan.nii.gz" and "t1ce" not in item


def test_scans_beside_subject_folders_hide_them_at_no_depth(tmp_path):
    tree(tmp_path, "siteA/atlas_t1", "siteA/S1/S1_t1", "siteA/S1/S1_seg", "siteB/x_seg", "siteB/S2/S2_t1")
    assert found(tmp_path) == {
        "atlas": {"t1": "atlas_t1"},
        "S1": {"t1": "S1_t1", "label": "S1_seg"},
        "S2": {"t1": "S2_t1"},
    }


def test_scans_of_two_beginnings_in_one_folder_are_two_subjects(tmp_path):
    tree(tmp_path, "siteA/S1_t1ce", "siteA/S2_flair", "siteA/S2_seg", "siteA/S3_seg", "siteA/t1")
    tree(tmp_path, "Jane/t1ce", "Jane/flair")
    assert found(tmp_path) == {
        "S1": {"t1ce": "S1_t1ce"},
        "S2": {"flair": "S2_flair", "label": "S2_seg"},
        "S3": {"label": "S3_seg"},
        "siteA": {"t1": "t1"},
        "Jane": {"t1ce": "t1ce", "flair": "flair"},
    }


def test_nameless_scans_beside_a_folder_of_nameless_scans_are_refused(tmp_path):
    tree(tmp_path, "P1/t1ce", "P1/native/flair")
    with pytest.raises(UserError, match="P1/t1ce.nii.gz lies beside the folder of .*P1/native/flair.nii.gz, and it is"):
        subjects_in(tmp_path, SEQUENCES)


def test_a_second_scan_of_a_subject_further_down_is_refused(tmp_path):
    tree(tmp_path, "P1/P1_t1", "P1/native/P1_t1")
    with pytest.raises(UserError, match="P1: .*P1/P1_t1.nii.gz and .*P1/native/P1_t1.nii.gz both claim to be the t1"):
        subjects_in(tmp_path, SEQUENCES)


def test_two_label_maps_in_folders_of_their_own_are_refused(tmp_path):
    tree(tmp_path, "scans/S1/S1_t1", "rater1/S1_seg", "rater2/S1_seg")
    with pytest.raises(UserError, match="S1: .*rater1/S1_seg.nii.gz and .*rater2/S1_seg.nii.gz both claim to be the l"):
        subjects_in(tmp_path, SEQUENCES)


def test_a_contrast_agent_in_the_name_of_a_subject_is_none(tmp_path):
    tree(tmp_path / "folders", "GD_001/GD_001_t1", "S_CE_02/S_CE_02_t1", "S_CE/S_CE_t1", "C/T1/C_t1")
    assert found(tmp_path / "folders") == {
        "GD_001": {"t1": "GD_001_t1"},
        "S_CE_02": {"t1": "S_CE_02_t1"},
        "S_CE": {"t1": "S_CE_t1"},
        "C": {"t1": "C_t1"},
    }
    tree(tmp_path / "flat", "S_GAD_t1", "S_GAD_flair", "S2_Gd_T1", "S2_T1")
    assert found(tmp_path / "flat") == {
        "S_GAD": {"t1": "S_GAD_t1", "flair": "S_GAD_flair"},
        "S2": {"t1ce": "S2_Gd_T1", "t1": "S2_T1"},
    }


def test_links_that_lead_back_are_not_followed(tmp_path):
    tree(tmp_path / "data", "S1/S1_t1", "siteA/S2/S2_t1")
    (tmp_path / "data" / "latest").symlink_to(".")
    (tmp_path / "data" / "siteA" / "S2" / "all").symlink_to(tmp_path / "data")
    (tmp_path / "link").symlink_to("data")
    assert found(tmp_path / "data") == found(tmp_path / "link") == {"S1": {"t1": "S1_t1"}, "S2": {"t1": "S2_t1"}}


def test_a_folder_that_cannot_be_read_is_left_out_with_a_warning(tmp_path, monkeypatch):
    tree(tmp_path, "S1/S1_t1", "lost+found/S9_t1")
    listed = Path.iterdir

    def iterdir(folder):
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.warns(UserWarning, match=r"lost\+found cannot be read \(Permission denied\), so it is left out"):
        assert found(tmp_path) == {"S1": {"t1": "S1_t1"}}


def test_what_has_the_name_of_a_scan_but_cannot_be_read_is_listed_all_the_same(tmp_path):
    folder = write_subject(tmp_path, "a", names=("flair",))
    (folder / "a_t1.nii.gz").symlink_to("../.git/annex/objects/1")
    os.mkfifo(folder / "a_t1ce.nii.gz")
    (folder / "a_t2.nii.gz").mkdir()
    assert found(tmp_path, labelled=False) == {"a": {name: f"a_{name}" for name in SEQUENCES}}


def test_a_folder_with_the_name_of_a_scan_is_searched_for_it(tmp_path):
    tree(tmp_path, "a/a_flair.nii/a_flair", "a/a_t1.nii/a_t1")
    assert found(tmp_path, labelled=False) == {"a": {"flair": "a_flair", "t1": "a_t1"}}


def test_the_time_points_of_a_patients_folder_are_of_one_patient(tmp_path):
    tree(tmp_path / "a", "P1/2019/t1", "P1/2020/t1", "P2/t1", "sub-01/ses-1/t1")
    patients = {item["subject"]: patient_of(item) for item in subjects_in(tmp_path / "a", SEQUENCES, False)}
    assert patients == {"P1_2019": "P1", "P1_2020": "P1", "P2": "P2", "sub-01_ses-1": "sub-01"}
    tree(tmp_path / "b", "A/P1/2019/t1", "A/P1/2020/t1", "B/P1/2019/t1")  # two patients of one name
    patients = {item["subject"]: patient_of(item) for item in subjects_in(tmp_path / "b", SEQUENCES, False)}
    assert patients == {"A_P1_2019": "A_P1", "A_P1_2020": "A_P1", "B_P1_2019": "B_P1"}

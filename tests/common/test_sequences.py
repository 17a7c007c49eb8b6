# SPDX-License-Identifier: Apache-2.0
"""Sequences are known by name, whatever a file calls them."""

from pathlib import Path

import pytest
from scripts.common.errors import UserError
from scripts.common.sequences import (
    REGIONS,
    SEQUENCES,
    channels_of,
    limited_subsets,
    ordered,
    parse_filename,
    parse_files,
    possible_sequences,
    repeated_sequence,
    sequence_of_folder,
    subset_name,
)


def test_sequences_and_regions_have_the_documented_orders():
    assert SEQUENCES == ("t1", "t1ce", "t2", "flair")
    assert REGIONS == ("tc", "wt", "et")


@pytest.mark.parametrize(
    "filename, sequence",
    [
        ("BraTS20_Training_001_flair.nii.gz", "flair"),
        ("BraTS20_Training_001_t1.nii", "t1"),
        ("BraTS20_Training_001_t1ce.nii", "t1ce"),
        ("BraTS20_Training_001_seg.nii.gz", "label"),
        ("W39_1998.09.19_Segm.nii", "label"),
        ("BraTS-GLI-00005-000-t1n.nii.gz", "t1"),
        ("BraTS-GLI-00005-000-t1c.nii.gz", "t1ce"),
        ("BraTS-GLI-00005-000-t2w.nii.gz", "t2"),
        ("BraTS-GLI-00005-000-t2f.nii.gz", "flair"),
        ("BraTS-GLI-00005-000-seg.nii.gz", "label"),
        ("sub_T1Gd.nii", "t1ce"),
        ("sub_T1_Gd.nii", "t1ce"),
        ("sub.t1.NII.GZ", "t1"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "t1ce"),
        ("sub-01_T1w.nii.gz", "t1"),
        ("sub-01_ce-gadolinium_run-01_T1w.nii.gz", "t1ce"),
        ("sub-01_ce-gd_acq-mprage_T1w.nii.gz", "t1ce"),
        ("sub-01_acq-postcontrast_T1w.nii.gz", "t1ce"),
        ("sub-01_acq-precontrast_T1w.nii.gz", "t1"),
        ("sub-01_ce-none_T1w.nii.gz", "t1"),
        ("CT1.nii.gz", "t1ce"),
        ("S1_T1+C.nii.gz", "t1ce"),
        ("TCGA-02-0006_1996.08.23_t1Gd.nii.gz", "t1ce"),
        ("TCGA-02-0006_1996.08.23_GlistrBoost_ManuallyCorrected.nii.gz", "label"),
        ("sub-01_T2-FLAIR.nii.gz", "flair"),
        ("GD_001_t1.nii.gz", "t1"),
        ("S_CE_02_t1.nii.gz", "t1"),
        ("GAD-3-T1w.nii.gz", "t1"),
        ("S1_Gd_T1.nii.gz", "t1ce"),
        ("S1_Gd_T1_w.nii.gz", "t1ce"),
        ("S1_T1w_gadolinium.nii.gz", "t1ce"),
        ("S1_CE_flair.nii.gz", "flair"),
        ("sub-GD_T1w.nii.gz", "t1"),
        ("sub-01_ses-CE_T1w.nii.gz", "t1"),
        ("sub-01_acq-ce_T1w.nii.gz", "t1ce"),
        ("sub-01_acq-space_T1w.nii.gz", "t1"),
        ("post_001_t1.nii.gz", "t1"),
        ("flair.nii.gz", "flair"),
        ("label.nii.gz", "label"),
        ("sub_t1_brainmask.nii.gz", None),
        ("sub_flair_copy.nii.gz", None),
        ("sub_flair.json", None),
        ("subt1.nii.gz", None),
        (".nii.gz", None),
    ],
)
def test_a_file_is_recognised_by_the_end_of_its_name(filename, sequence):
    parsed = parse_filename(filename)
    assert (parsed and parsed[1]) == sequence


def test_the_prefix_is_kept_whole():
    assert parse_filename("BraTS-GLI-00005-000-t2f.nii.gz") == ("BraTS-GLI-00005-000", "flair")
    assert parse_filename("a.b_t1_ce.nii") == ("a.b", "t1ce")
    assert parse_filename("flair.nii.gz") == ("", "flair")
    assert parse_filename("S1_Gd_T1.nii.gz") == ("S1", "t1ce")  # the contrast agent is the sequence's


def test_of_a_bids_name_subject_and_session_are_kept():
    assert parse_filename("sub-01_ses-2_ce-gadolinium_run-1_T1w.nii.gz") == ("sub-01_ses-2", "t1ce")
    assert parse_filename("sub-01_acq-mprage_T2w.nii.gz") == ("sub-01", "t2")
    assert parse_filename("sub-01_acq-ce_T1w.nii.gz") == ("sub-01", "t1ce")


def test_a_contrast_agent_that_ends_a_known_name_belongs_to_the_subject():
    assert parse_filename("S_CE_t1.nii.gz", {"S_CE"}) == ("S_CE", "t1")
    assert parse_filename("C_t1.nii.gz", {"C"}) == ("C", "t1")
    assert parse_filename("S_CE_t1ce.nii.gz", {"S_CE"}) == ("S_CE", "t1ce")
    assert parse_filename("S_t1_Gd.nii.gz", {"S_t1"}) == ("S", "t1ce")


@pytest.mark.parametrize(
    "filename, prefix",
    [
        ("A_T1_pre_Gd.nii.gz", "A"),
        ("A_T1_noGd.nii.gz", "A"),
        ("A_T1-non-contrast.nii.gz", "A"),
        ("A_T1_w-o_Gd.nii.gz", "A"),
        ("B_no_Gd_T1.nii.gz", "B"),
        ("C_without_Gd_T1_w.nii.gz", "C"),
        ("D_ohne_KM_T1.nii.gz", "D"),
        ("GD_t1n.nii.gz", "GD"),  # native by its name
        ("sub-01_ce-without_T1w.nii.gz", "sub-01"),
        ("sub-01_acq-noGd_T1w.nii.gz", "sub-01"),
        ("sub-01_no_Gd_T1w.nii.gz", "sub-01"),
    ],
)
def test_a_t1_that_denies_the_contrast_agent_is_the_t1(filename, prefix):
    assert parse_filename(filename) == (prefix, "t1")


def test_a_bids_name_after_an_operation_is_no_t1ce():
    for entity in ("acq-postop", "acq-postsurgery", "acq-mpragepostRT", "acq-posterior"):
        assert parse_filename(f"sub-01_{entity}_T1w.nii.gz") == ("sub-01", "t1")
    for entity in ("acq-post", "acq-postopGd", "acq-mpragepost", "acq-KM", "post-contrast", "acq-postop_ce-gadovist"):
        assert parse_filename(f"sub-01_{entity}_T1w.nii.gz") == ("sub-01", "t1ce")


@pytest.mark.parametrize(
    "filename",
    ["P1_KM_T1.nii.gz", "P1_contrast_T1w.nii.gz", "P1_T1_with_contrast.nii.gz", "P1_post-contrast_T1.nii.gz"],
)
def test_other_words_for_the_contrast_agent_are_understood(filename):
    assert parse_filename(filename) == ("P1", "t1ce")


def test_post_alone_before_a_t1_is_understood_only_as_part_of_the_subjects_name():
    assert parse_filename("D_post_T1.nii.gz") is None  # after contrast, or after an operation
    assert possible_sequences("D_post_T1.nii.gz") == {"t1", "t1ce"}
    assert parse_filename("D_T1_post.nii.gz") == ("D", "t1ce") and parse_filename("D_post_t1n.nii.gz")[1] == "t1"
    together = [Path("cohort/D_post_T1.nii.gz"), Path("cohort/D_post_flair.nii.gz")]
    assert list(parse_files(together).values()) == [("D_post", "t1"), ("D_post", "flair")]
    assert list(parse_files([Path("D_post/D_post_T1.nii.gz")]).values()) == [("D_post", "t1")]


def test_a_registered_scan_is_the_one_that_was_moved():
    assert parse_filename("t1ce_to_flair.nii.gz") == ("", "t1ce")
    assert parse_filename("S1_FLAIR_to_T1_Gd.nii.gz") == ("S1", "flair")
    assert parse_filename("sub-01_T1w_to_FLAIR.nii.gz") == ("sub-01", "t1")
    assert parse_filename("S1_seg_to_t1.nii.gz") == ("S1", "label")
    assert parse_filename("S1_adc_to_flair.nii.gz") is None and parse_filename("S1_t1_to_seg.nii.gz") is None
    assert parse_filename("TO_t1.nii.gz") == ("TO", "t1")
    assert parse_filename("S_TO_t1.nii.gz", {"S_TO"}) == ("S_TO", "t1")


@pytest.mark.parametrize("words", ["_in_", "_on_", "_reg_", "_coreg_", "_space-", "_2_", "_IN_"])
def test_a_scan_that_was_moved_is_known_whatever_word_says_so(words):
    assert parse_filename(f"P1_flair{words}t1.nii.gz") == ("P1", "flair")
    assert parse_filename(f"P1_t1ce{words}t1.nii.gz") == ("P1", "t1ce")
    assert parse_filename(f"t2{words}T1_Gd.nii.gz") == ("", "t2")
    assert parse_filename(f"sub-01_FLAIR{words}T1w.nii.gz") == ("sub-01", "flair")


def test_words_for_a_moved_scan_may_end_a_subjects_name():
    for subject in ("S_2", "S1_reg", "S1_coreg", "S-space", "2"):
        assert parse_filename(f"{subject}_t1.nii.gz") == (subject, "t1")
    assert parse_filename("S1_adc_in_flair.nii.gz") is None
    assert parse_filename("S_IN_t1.nii.gz", {"S_IN"}) == ("S_IN", "t1")
    assert parse_filename("S1_t2_space_flair.nii.gz") is None  # a T2 in the FLAIR's space, or a FLAIR by SPACE
    assert parse_filename("sub-01_space-T1w_FLAIR.nii.gz") == ("sub-01", "flair")


def test_a_second_sequence_in_a_name_is_not_understood():
    for name, may in (("t1ce_minus_t1", {"t1ce"}), ("flair_brain_t1", {"t1", "flair"}), ("T1_FLAIR", {"t1", "flair"})):
        assert parse_filename(f"P1_{name}.nii.gz") is None and possible_sequences(f"P1_{name}.nii.gz") == may
    assert parse_filename("T1_001_flair.nii.gz", {"T1_001"}) == ("T1_001", "flair")
    assert list(parse_files([Path("T1_001/T1_001_flair.nii.gz")]).values()) == [("T1_001", "flair")]
    for prefix in ("P1_t1ce", "P1_t1_space"):  # a label map may be named after the scan that it was drawn on
        assert parse_filename(f"{prefix}_seg.nii.gz") == (prefix, "label")


def test_files_that_lie_together_tell_whether_a_contrast_agent_is_the_subjects():
    folder = Path("cohort")
    together = [folder / "S_CE_t1.nii.gz", folder / "S_CE_flair.nii.gz", folder / "notes.txt"]
    assert list(parse_files(together).values()) == [("S_CE", "t1"), ("S_CE", "flair")]
    apart = [folder / "S_CE_t1.nii.gz", folder / "S_flair.nii.gz"]
    assert list(parse_files(apart).values()) == [("S", "t1ce"), ("S", "flair")]
    assert list(parse_files([Path("S_CE/S_CE_t1.nii.gz")]).values()) == [("S_CE", "t1")]


@pytest.mark.parametrize(
    "folder, sequence",
    [
        ("T1CE", "t1ce"),
        ("flair", "flair"),
        ("2_T1GD", "t1ce"),
        ("04 - FLAIR", "flair"),
        ("seg", "label"),
        ("anat", None),
        ("P1_T1", None),
        ("2019", None),
    ],
)
def test_a_folder_of_a_sequence_is_known_by_its_name(folder, sequence):
    assert sequence_of_folder(folder) == sequence


@pytest.mark.parametrize(
    "filename, sequences",
    [
        ("S1_t1ce_mprage.nii.gz", {"t1ce"}),
        ("S1_t1_ce_mprage.nii.gz", {"t1ce"}),
        ("S1_T2_bias.nii.gz", {"t2"}),
        ("S1_MPRAGE_GD.nii.gz", {"t1", "t1ce"}),
        ("S1_t1contrast.nii.gz", {"t1", "t1ce"}),
        ("S1_flair3d.nii.gz", {"flair"}),
        ("S1_mask.nii.gz", set()),
        ("rflair.nii.gz", {"flair"}),
        ("S1_wmt1.nii.gz", {"t1"}),
        ("rct1.nii.gz", {"t1ce"}),
        ("rseg.nii.gz", set()),
        ("T1CE/scan.nii.gz", {"t1ce"}),
        ("S1_t1ce.nii.gz", set()),  # understood
        ("S1_t1ce_mprage.json", set()),
    ],
)
def test_what_a_file_may_be_is_told_by_the_middle_of_its_name(filename, sequences):
    assert possible_sequences(filename) == sequences


def test_a_number_after_the_sequence_tells_a_repeat():
    for name in ("S1_t1_2", "S1-T1-02", "S1_t1_run-2", "t1 (1)", "S1_t1_rep2"):
        assert repeated_sequence(f"{name}.nii.gz") == "t1"
    for name in ("S1_t1", "S1_2", "S1_t1_bias", "S1_seg_2", "S1_t1_2020", "S1_2_t1"):
        assert repeated_sequence(f"{name}.nii.gz") is None


@pytest.mark.parametrize(
    "given", [["flair", "t1ce"], ("t1ce", "flair"), "flair,t1ce", "['flair', 't1ce']", "t1ce+flair", ["FLAIR", "T1ce"]]
)
def test_a_choice_of_sequences_is_put_in_the_teachers_order(given):
    assert ordered(given) == ("t1ce", "flair")
    assert channels_of(given) == [1, 3]
    assert subset_name(given) == "t1ce+flair"


def test_one_text_is_one_sequence_and_not_its_letters():
    assert ordered("flair") == ("flair",)


@pytest.mark.parametrize(
    "given, message",
    [
        (["flare"], "'flare' is not a sequence: did you mean 'flair'.*t1, t1ce, t2, flair"),
        (["t1gd"], "did you mean 't1ce'"),
        (["dwi"], "'dwi' is not a sequence: Choose from"),
        (["seg"], "'seg' is not a sequence: Choose from"),
        ([], "No sequence was chosen: give at least one of t1, t1ce, t2, flair"),
        ("", "No sequence was chosen"),
        (None, "No sequence was chosen"),
        (["t1", "flair", "t1"], "'t1' is named twice in t1, flair, t1"),
    ],
)
def test_a_wrong_choice_is_refused_with_the_way_out(given, message):
    with pytest.raises(UserError, match=message):
        ordered(given)


def test_there_are_fourteen_limited_subsets_each_in_the_teachers_order():
    subsets = limited_subsets()
    assert len(subsets) == len(set(subsets)) == 14  # 4 + 6 + 4
    assert all(ordered(subset) == subset for subset in subsets)
    assert SEQUENCES not in subsets

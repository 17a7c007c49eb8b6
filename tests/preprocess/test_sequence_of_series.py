# SPDX-License-Identifier: Apache-2.0
"""Scans are read by their words and times, whatever protocol they come from."""

from pathlib import Path

import pytest
from scripts.preprocess.sequence_of_series import read_sequence
from scripts.preprocess.series import Series

SIEMENS_MPRAGE = {"EchoTime": 0.00298, "RepetitionTime": 2.3, "InversionTime": 0.9}
GE_SPGR = {"EchoTime": 0.0032, "RepetitionTime": 0.0082, "InversionTime": 0.45}
SPIN_ECHO = {"EchoTime": 0.012, "RepetitionTime": 0.55}
TSE = {"EchoTime": 0.1, "RepetitionTime": 5.2}
FLAIR = {"EchoTime": 0.12, "RepetitionTime": 9.0, "InversionTime": 2.5}


def read(description="", agent="", shape=(256, 256, 160), sizes=(1.0, 1.0, 1.0), named=None, **facts):
    facts |= {"SeriesDescription": description} | ({"ContrastBolusAgent": agent} if agent else {})
    return read_sequence(Series(Path("5.nii.gz"), facts, shape, sizes, named))


@pytest.mark.parametrize(
    "description, facts, sequence",
    [
        ("t1_mprage_sag_p2_iso", SIEMENS_MPRAGE, "t1"),
        ("t1_mprage_sag_p2_iso_KM", SIEMENS_MPRAGE, "t1ce"),
        ("Ax 3D T1 BRAVO +C", GE_SPGR, "t1ce"),
        ("SAG FSPGR 3D POST GAD", GE_SPGR, "t1ce"),
        ("AX T1 POST", SPIN_ECHO, "t1ce"),
        ("AX T1 PRE", SPIN_ECHO, "t1"),
        ("T1 without contrast", SPIN_ECHO, "t1"),
        ("T1 SE W/O CONTRAST", SPIN_ECHO, "t1"),
        ("t1_se_tra ohne KM", SPIN_ECHO, "t1"),
        ("T1 post-op", SPIN_ECHO, "t1"),
        ("T1 post surgery", SPIN_ECHO, "t1"),
        ("T1 post surgery GD", SPIN_ECHO, "t1ce"),
        ("T1 KM OP-Planung", SPIN_ECHO, "t1ce"),
        ("T1_postcontrast", SPIN_ECHO, "t1ce"),
        ("sT1W_3D_TFE_GD", {}, "t1ce"),
        ("T1GD", {}, "t1ce"),
        ("T2W_TSE", TSE, "t2"),
        ("t2_tse_tra_512", TSE, "t2"),
        ("Ax T2 FLAIR", FLAIR, "flair"),
        ("t2_tirm_tra_dark-fluid", FLAIR, "flair"),
        ("t2_space_dark-fluid_sag_p2_iso", FLAIR, "flair"),
        ("Sag CUBE FLAIR", FLAIR, "flair"),
        ("AX T1 FLAIR", {"EchoTime": 0.009, "RepetitionTime": 2.4, "InversionTime": 0.86}, "t1"),
        ("Ax brain", TSE, "t2"),
        ("Ax brain", FLAIR, "flair"),
        ("Ax brain", SPIN_ECHO, "t1"),
    ],
)
def test_a_scan_is_read_by_its_words_and_times(description, facts, sequence):
    reading = read(description, **facts)
    assert reading.sequence == sequence, reading.why


@pytest.mark.parametrize(
    "description",
    [
        *(
            "3-plane localizer",
            "AAHead_Scout",
            "ep2d_diff_3scan_trace_p2",
            "DWI b1000",
            "ADC (10^-6 mm2/s)",
            "Ax T2* GRE",
        ),
        *(
            "t2_fl2d_tra_hemo",
            "SWI_Images",
            "TOF_3D_multi-slab",
            "perfusion DSC",
            "rCBV",
            "PD_TSE",
            "T1 SUB",
            "T2 STIR",
        ),
    ],
)
def test_other_scans_are_not_used_and_the_word_is_named(description):
    reading = read(description, **TSE)
    assert reading.sequence is None and "not one of the four sequences, by '" in reading.why


def test_words_and_times_that_contradict_each_other_are_not_clear():
    reading = read("AX T2", **SPIN_ECHO)
    assert reading.sequence is None
    assert reading.why == "not clear: its description says t2, its times (TE 12 ms, TR 550 ms) say t1"


def test_a_scan_of_which_nothing_is_known_is_not_clear():
    assert read("Ax brain").why == "not clear: neither its description nor its times (unknown) say it"


def test_a_registered_scan_is_the_one_that_was_moved():
    assert read("FLAIR_to_T1").sequence == "flair" and read("PET_to_T1").sequence is None


def test_an_agent_in_the_header_makes_a_t1_a_t1ce_but_not_a_flair():
    assert read("AX T1", agent="Gadovist", **SPIN_ECHO).sequence == "t1ce"
    assert read("AX T1", agent="NO", **SPIN_ECHO).sequence == "t1"
    assert read("AX FLAIR", agent="Gadovist", **FLAIR).sequence == "flair"


def test_the_word_for_before_counts_more_than_the_agent():
    assert read("AX T1 PRE", agent="Gadovist", **SPIN_ECHO).sequence == "t1"


def test_both_words_are_not_clear():
    assert read("T1 pre and post", **SPIN_ECHO).why == "not clear: 'pre' and 'post' in its description"


def test_a_t1_without_a_word_tells_nothing_of_contrast():
    assert not read("AX T1", **SPIN_ECHO).tells_contrast
    assert read("AX T1 PRE", **SPIN_ECHO).tells_contrast and read("AX T1 noGd", **SPIN_ECHO).tells_contrast


def test_a_name_that_the_user_gave_counts_first():
    assert read("AX T2", named="flair", **SPIN_ECHO).sequence == "flair"


@pytest.mark.parametrize(
    "given, why",
    [
        ({"shape": (256, 256, 5)}, "5 slices"),
        ({"shape": (256, 256, 12), "sizes": (1.0, 1.0, 5.0)}, "extends 60 mm"),
        ({"shape": (64, 64, 30, 60)}, "64x64x30x60 voxels"),
        ({"Modality": "CT"}, "no MR scan (CT)"),
        ({"ImageType": ["DERIVED", "PRIMARY", "ADC"]}, "is ADC by its ImageType"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "is P by its ImageType"),
    ],
)
def test_what_can_be_no_scan_of_the_brain_is_not_used(given, why):
    reading = read("AX T1", named="t1", **given)
    assert reading.sequence is None and why in reading.why

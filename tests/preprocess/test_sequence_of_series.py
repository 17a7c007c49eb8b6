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


@pytest.mark.parametrize(
    "description",
    [
        *("T1 -C", "T1 C-", "t1_-C_tra", "T1C- sag", "T1 -GD", "T1 (-) Gd", "T1 \u2013Gd", "T1 w/out contrast"),
        *("T1 minus contrast", "t1 axial sans gado", "T1 sans injection de gado", "T1 SIN GADO", "T1 senza gado"),
        *("T1 zonder gd", "T1 vor KM", "T1 kein KM", "T1 0 KM", "T1 KM-frei", "T1 avant gado", "T1 before Gd"),
        *("T1 not enhanced", "T1 non-enhanced", "T1 nonenhanced", "T1 without fat sat without contrast"),
    ],
)
def test_an_agent_that_is_denied_makes_no_t1ce_whatever_the_header_names(description):
    for agent in ("", "Gadovist"):
        reading = read(description, agent, **SPIN_ECHO)
        assert (reading.sequence, reading.tells_contrast) == ("t1", True), reading.why


@pytest.mark.parametrize(
    "description",
    [
        *("T1-Gd", "T1-C", "t1_mprage-KM", "t1_mprage_1.0_KM", "T1 0.9 GD", "T1 tra 1 0 KM", "T1 (3D)-Gd", "T1 C+ FS"),
        *("T1 non fat sat +C", "T1 W/O FS POST", "T1 vor OP KM", "T1 avant radiotherapie gado", "T1 POST BX GD"),
    ],
)
def test_a_separator_a_decimal_and_other_denials_deny_no_agent(description):
    assert read(description, **SPIN_ECHO).sequence == "t1ce", read(description, **SPIN_ECHO).why


@pytest.mark.parametrize(
    "description",
    [
        *("AX T1 POST FOSSA", "T1 POST BX", "T1 POST SX", "T1 POST GK", "T1 POST CRANI", "T1 POST STROKE"),
        *("T1 24 cm FOV", "T1 C-SPINE", "T1 +/- C", "AX T1 NON FS", "AX T1 W/O FS", "T1 vor OP", "T1 -", "T1 sinc"),
    ],
)
def test_words_that_mean_something_else_say_nothing_of_contrast(description):
    reading = read(description, **SPIN_ECHO)
    assert (reading.sequence, reading.tells_contrast) == ("t1", False), reading.why
    assert read(description, "Gadovist", **SPIN_ECHO).sequence == "t1ce"


@pytest.mark.parametrize(
    "agent",
    [
        *("NO", "No contrast", "contrast: no", "none given", "n/a", "NA", "N", "Unknown", "-", "--", "kein", "kein KM"),
        *("ohne", "0", "0 ml", "0.0 ml", "without", "not given", "sans", "nativ", "PRE", " "),
    ],
)
def test_an_agent_in_the_header_that_is_denied_or_a_placeholder_is_none(agent):
    assert read("AX T1", agent, **SPIN_ECHO).sequence == "t1"


@pytest.mark.parametrize(
    "agent",
    [
        *("Gadovist", "10 ml Gd", "10.0 ML DOTAREM", "YES", "Gd-DTPA", "Magnevist lot no. 5", "non-ionic Gd", "C+"),
        *("PROHANCE PRE-FILLED", "named in ContrastBolusAgentSequence", "Gadavist 1.0 mmol/ml"),
    ],
)
def test_any_other_agent_in_the_header_counts(agent):
    assert read("AX T1", agent, **SPIN_ECHO).sequence == "t1ce"


@pytest.mark.parametrize("description", ["T1 map", "T2 map", "t1_mapping", "T1rho", "T2map", "T1W_Map"])
def test_maps_are_no_scans(description):
    assert read(description).sequence is None


@pytest.mark.parametrize(
    "description, facts",
    [
        ("t2_tirm_cor", {"EchoTime": 0.07, "RepetitionTime": 4.0, "InversionTime": 0.15}),  # STIR
        ("T2 FSE", {"EchoTime": 0.02, "RepetitionTime": 3.0}),  # proton density
    ],
)
def test_times_that_rule_out_the_description_are_not_clear(description, facts):
    reading = read(description, **facts)
    assert reading.sequence is None and reading.why.endswith("do not fit")
    assert read(description).sequence and read(description, EchoTime=0, InversionTime=0).sequence  # 0 is not known


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

# SPDX-License-Identifier: Apache-2.0
"""The tables of the accuracy page hold the numbers that two subjects give on paper."""

import pytest
from scripts.evaluation.summary import ENTROPY
from scripts.research.accuracy.evaluation import TEACHER
from scripts.research.accuracy.tables import (
    aim_table,
    dice_table,
    distance_table,
    flag_table,
    overview_table,
    teacher_gap_table,
)

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")


def test_overview_holds_means_intervals_and_means_over_subsets(evaluation, rows_of):
    rows = rows_of(overview_table({"simulated": evaluation}))
    assert list(rows)[0] == "T1" and list(rows)[14] == "T1 + T1ce + T2 + FLAIR" and len(rows) == 15 + 2
    # (.6 + .8) / 2; of resamples of two subjects a quarter is both times the lower one, more than 2.5%
    assert rows["T1ce + FLAIR"] == ["0.700 [0.600, 0.800]", "0.500 [0.400, 0.600]", "0.250 [0.000, 0.500]"]
    # subject a has no ET, so there the teacher is not better
    assert rows["T1 + T1ce + T2 + FLAIR"][2] == "0.300 [0.000, 0.600]"
    assert rows["**mean of the 14 limited**"][0] == "0.700 [0.600, 0.800]"
    assert rows["**mean of all 15**"][0] == "0.707 [0.607, 0.807]"  # (14 x .7 + .8) / 15


def test_enhancing_tumour_is_counted_in_three_ways(evaluation, rows_of):
    lines = dice_table(evaluation)
    assert "| ET of the 1 that have it | ET predicted in the 1 that have none |" in lines[0]
    # without tiny: the .4 ml of subject a are emptied, (1 + .5) / 2; one subject has no interval
    assert rows_of(lines)["T2"][3:] == ["0.483 [0.333, 0.633]", "0.750 [0.500, 1.000]", "0.500 –", "1"]


def test_where_every_subject_has_enhancing_tumour_it_is_counted_in_two_ways(cases, evaluation_of):
    cases["true_ml"] = 10.0
    assert (
        dice_table(evaluation_of(cases))[0]
        == "| sequences | Dice WT | Dice TC | Dice ET | Dice mean | ET without tiny |"
    )


def test_undefined_distances_are_left_out_and_counted(cases, evaluation_of, evaluation, rows_of):
    cells = rows_of(distance_table(evaluation))["T2"]
    assert cells == ["3.0 [3.0, 3.0] (0)", "3.0 [3.0, 3.0] (0)", "3.0 – (1)", "+2.0 [+2.0, +2.0]"]
    cases.loc[cases.region == "et", "hd95_mm"] = NAN
    assert rows_of(distance_table(evaluation_of(cases)))["T2"][2] == "– (2)"


def test_students_are_paired_with_the_teacher(evaluation, rows_of):
    rows = rows_of(teacher_gap_table(evaluation))
    assert len(rows) == 14 and "T1 + T1ce + T2 + FLAIR" not in rows
    # always .1 behind; in ET 0 and -.1
    assert rows["FLAIR"][:2] == ["-0.100 [-0.100, -0.100]"] * 2  # not bold, of two subjects
    assert rows["FLAIR"][2] == "-0.050 [-0.100, +0.000]"


def test_what_was_asked_stands_beside_what_was_measured(evaluation):
    lines = aim_table({"GLI": evaluation, "SSA": evaluation})
    assert len(lines) == 2 + 2 * 10
    teacher, showcase, limited, alone, african = (lines[2 + row] for row in (0, 3, 6, 9, 10))
    whole = "| WT | at least 0.920 | 0.800 [0.700, 0.900] | -0.120 | **no** |"
    assert teacher == f"| GLI | teacher, all four sequences {whole}"
    behind = "| WT | at least -0.015 | -0.100 [-0.100, -0.100] | -0.085 | **no** |"
    assert showcase == f"| GLI | T1ce + FLAIR minus teacher {behind}"
    assert limited == "| GLI | mean of the 14 limited | WT | at least 0.870 | 0.700 [0.600, 0.800] | -0.170 | **no** |"
    assert alone == "| GLI | T1 alone | WT | at least 0.800 | 0.700 [0.600, 0.800] | -0.100 | **no** |"
    assert african.startswith("| SSA | teacher, all four sequences | WT | at least 0.910 |")


def test_an_aim_that_is_just_reached_is_met(cases, evaluation_of):
    cases.loc[cases.region == "wt", "dice"] = 0.905
    cases.loc[(cases.region == "wt") & (cases.sequences == TEACHER), "dice"] = 0.92
    one = evaluation_of(cases)
    met = [line for line in aim_table({"GLI": one, "SSA": one}) if "| WT |" in line and line.startswith("| GLI")]
    assert [line.endswith("| yes |") for line in met] == [True, True, True, True]


def test_flags_are_counted_by_band_of_whole_tumour_dice(cases, evaluation, evaluation_of, rows_of):
    # WT Dice: a .6 (teacher .7), b .8 (teacher .9)
    cases = cases.assign(**{ENTROPY: NAN})
    wt = cases.region == "wt"
    cases.loc[wt & (cases.subject == "a"), ENTROPY] = 0.31
    cases.loc[wt & (cases.subject == "b"), ENTROPY] = 0.29
    cases.loc[wt & (cases.subject == "b") & (cases.sequences == "t1"), "predicted_ml"] = 0.0
    limits = {"wt_range_ml": [1, 300], "max_entropy": 0.3}
    without_entropy = rows_of(flag_table({"old": evaluation}, limits))["old"]
    assert rows_of(flag_table({"here": evaluation_of(cases)}, limits))["here"] == ["–", "–", "15 of 15", "1 of 15"]
    assert without_entropy == ["–"] * 4

# SPDX-License-Identifier: Apache-2.0
"""The tables of the accuracy page hold the numbers that two subjects give on paper."""

import pytest
from scripts.evaluation.summary import ENTROPY
from scripts.research.accuracy.evaluation import TEACHER
from scripts.research.accuracy.tables import (
    aim_table,
    dice_table,
    distance_table,
    enhancement_table,
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


def test_undefined_distances_are_left_out_and_counted(cases, evaluation_of, evaluation, rows_of):
    cells = rows_of(distance_table(evaluation))["T2"]
    assert cells == ["3.0 [3.0, 3.0] (0)", "3.0 [3.0, 3.0] (0)", "3.0 – (1)", "+2.0 [+2.0, +2.0]"]
    cases.loc[cases.region == "et", "hd95_mm"] = NAN
    assert rows_of(distance_table(evaluation_of(cases)))["T2"][2] == "– (2)"


def test_students_are_paired_with_the_teacher(evaluation, rows_of):
    rows = rows_of(teacher_gap_table(evaluation))
    assert len(rows) == 14 and "T1 + T1ce + T2 + FLAIR" not in rows
    # always .1 behind; in ET 0 and -.1
    assert rows["FLAIR"][:2] == ["**-0.100** [-0.100, -0.100]"] * 2
    assert rows["FLAIR"][2] == "-0.050 [-0.100, +0.000]"


def test_what_was_asked_stands_beside_what_was_measured(evaluation):
    lines = aim_table(evaluation)
    assert len(lines) == 2 + 9
    teacher, showcase, limited = lines[2], lines[5], lines[8]
    whole = "| WT | at least 0.90 | 0.800 [0.700, 0.900] | -0.100 | **no** |"
    assert teacher == f"| teacher, all four sequences {whole}"
    behind = "| WT | at least -0.02 | -0.100 [-0.100, -0.100] | -0.080 | **no** |"
    assert showcase == f"| T1ce + FLAIR minus teacher {behind}"
    assert limited == "| mean of the 14 limited | WT | at least 0.86 | 0.700 [0.600, 0.800] | -0.160 | **no** |"


def test_an_aim_that_is_just_reached_is_met(cases, evaluation_of):
    cases.loc[cases.region == "wt", "dice"] = 0.88
    cases.loc[(cases.region == "wt") & (cases.sequences == TEACHER), "dice"] = 0.9
    met = [line for line in aim_table(evaluation_of(cases)) if "| WT |" in line]
    assert [line.endswith("| yes |") for line in met] == [True, True, True]


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


def test_effect_of_the_rule_of_enhancement_is_counted_by_hand(cases, evaluation, evaluation_of, rows_of):
    et, with_t1ce = cases.region == "et", cases.sequences.str.contains("t1ce")
    # the rule removes what was drawn in a, which has no ET; in b the T1ce network loses what is there
    changed = ["dice", "predicted_ml", "empty"]
    cases.loc[et & with_t1ce & (cases.subject == "a"), changed] = [1.0, 0.0, "both"]
    cases.loc[et & (cases.sequences == "t1ce") & (cases.subject == "b"), changed] = [0.0, 0.0, "prediction"]
    rows = rows_of(enhancement_table(evaluation, evaluation_of(cases)))
    assert len(rows) == 8 and not {"T1", "T2", "FLAIR", "T1 + T2"} & set(rows)
    # T1ce + FLAIR: (0 + 0.5) / 2 = 0.25, then (1 + 0.5) / 2 = 0.75; T1ce: then (1 + 0) / 2 = 0.5
    assert rows["T1ce + FLAIR"][:2] == ["0.250", "0.750"] and rows["T1ce + FLAIR"][3:] == ["1 of 1", "0 of 1", "0 of 1"]
    assert rows["T1ce"][:2] == ["0.250", "0.500"] and rows["T1ce"][3:] == ["1 of 1", "0 of 1", "1 of 1"]
    assert rows["T1ce"][2].startswith("+0.250 ")

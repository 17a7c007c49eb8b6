# SPDX-License-Identifier: Apache-2.0
"""What is said about each subset of the sequences follows from MR contrast and the measured Dice."""

import pytest
from scripts.research.accuracy.evaluation import LIMITED, SUBSETS
from scripts.research.accuracy.expectations import UNRELIABLE, expectation_table, verdict, visible


@pytest.mark.parametrize("subset", LIMITED)
def test_enhancement_is_said_to_be_invisible_exactly_without_t1ce(subset):
    shown, hidden = visible(subset)
    assert any("hardly be seen without T1ce" in text for text in hidden) == ("t1ce" not in subset.split("+"))
    assert any(text.startswith("ET") for text in shown) == ("t1ce" in subset.split("+"))


def test_oedema_is_said_to_be_hard_to_see_exactly_without_flair_and_t2():
    without = [subset for subset in SUBSETS if any("oedema, hardly" in text for text in visible(subset)[1])]
    assert without == ["t1", "t1ce", "t1+t1ce"]


def test_a_mean_has_a_word():
    assert [verdict(dice) for dice in (0.8, 0.79, 0.6, 0.4, 0.39)] == ["good", "fair", "fair", "poor", UNRELIABLE]


def test_expectations_hold_the_measured_numbers(evaluation, rows_of):
    rows = rows_of(expectation_table({"GLI": evaluation, "SSA": evaluation}))
    assert len(rows) == 15
    assert "ET where there is any 0.50 poor" in rows["T1ce"][2]
    assert (
        rows["T1"][2]
        == rows["T1"][3]
        == ("WT 0.70 fair; TC 0.50 poor; ET where there is any 0.50 a guess; ET drawn in 1 of 1 without any")
    )

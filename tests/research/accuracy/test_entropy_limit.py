# SPDX-License-Identifier: Apache-2.0
"""The entropy limit is chosen on other patients than those that it is judged on."""

import pandas as pd
import pytest
from scripts.evaluation.summary import ENTROPY
from scripts.research.accuracy.entropy_limit import best_limit, cross_validated, limit_sentences


def _wt(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    """Rows of WT of (patient, Dice, entropy in bits)."""
    return pd.DataFrame(rows, columns=["patient", "dice", ENTROPY])


def test_the_limit_separates_bad_from_good_with_the_smallest_of_equal_ones():
    # any limit from .2 on and below .3 flags all bad ones and no good one
    assert best_limit(_wt([("a", 0.9, 0.1), ("a", 0.9, 0.2), ("b", 0.5, 0.3), ("b", 0.7, 0.4)])) == 0.2


def test_a_limit_may_miss_bad_ones_to_spare_good_ones():
    # at .3: half of the bad, none of the good (.5); at .1: all of the bad, two of three good ones (.33)
    rows = [("a", 0.5, 0.2), ("a", 0.5, 0.4), ("b", 0.9, 0.1), ("b", 0.9, 0.25), ("b", 0.9, 0.3)]
    assert best_limit(_wt(rows)) == 0.3


def test_a_patient_is_judged_by_the_limit_of_the_others():
    others = [("b", 0.9, 0.1), ("b", 0.5, 0.3), ("c", 0.9, 0.1), ("c", 0.5, 0.3)]
    chosen = cross_validated(_wt([("a", 0.9, 0.2), ("a", 0.5, 0.22), *others]))
    assert chosen.limit.tolist()[:2] == [0.1, 0.1]  # of b and c alone
    assert chosen.flagged.tolist()[:2] == [True, True] and chosen.bad.tolist()[:2] == [False, True]
    assert chosen.limit.tolist()[2:] == [0.2] * 4  # of a and one other


def test_the_page_shows_both_limits_on_the_patients_left_out():
    rows = [("a", 0.9, 0.2), ("a", 0.5, 0.3), ("b", 0.9, 0.1), ("b", 0.5, 0.3)]
    lines = limit_sentences(_wt(rows), 0.15)
    # a is judged by b's limit of .1, b by a's of .2
    assert "each time without one patient: 0.1 to 0.2 bits" in lines[0]
    assert "| chosen on the other patients | 100% | 50% |" in lines
    assert "| 0.15 bits, as shipped | 100% | 50% |" in lines


def test_a_patient_without_whom_no_segmentation_is_bad_is_left_out():
    rows = [("a", 0.9, 0.2), ("a", 0.5, 0.3), ("b", 0.9, 0.1), ("c", 0.9, 0.1)]
    assert cross_validated(_wt(rows)).index.tolist() == [2, 3]


@pytest.mark.parametrize("rows", [[("a", 0.9, float("nan")), ("b", 0.5, float("nan"))], [("a", 0.9, 0.1)]])
def test_nothing_is_said_without_entropies_or_bad_ones(rows):
    assert limit_sentences(_wt(rows), 0.22) == []

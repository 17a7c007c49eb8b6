# SPDX-License-Identifier: Apache-2.0
"""The limits of a fold's subjects are chosen on the other folds, computed by hand."""

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.research.et_limits import COLUMNS, NEVER, best, chosen_by_others, gains, lines

pytestmark = pytest.mark.filterwarnings("error")
NONE, SAFE, BOLD = (-NEVER, NEVER), (0.25, NEVER), (1.0, 1.0)


def _table(**folds) -> pd.DataFrame:
    """Dice .5 without limits; the gains of the safe and the bold pair of each subject of each fold."""
    rows = []
    for fold, subjects in folds.items():
        for subject, (safe, bold) in subjects.items():
            for limits, gain in ((NONE, 0), (SAFE, safe), (BOLD, bold)):
                rows += [
                    (fold, subject, name, *limits, 0.5 + gain + more) for name, more in (("t1ce", 0.1), ("all", -0.1))
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


FIRST = {"BraTS-SSA-1": (0.02, 0.3), "BraTS-SSA-2": (0.02, -0.1)}
SECOND = {"BraTS2021_1": (0.01, 0.04), "BraTS2021_2": (0.03, 0.06)}


def test_gain_is_the_mean_over_choices_of_sequences_against_no_limits():
    own = gains(_table(fold1=FIRST))
    assert own.loc[("fold1", "BraTS-SSA-1"), BOLD] == pytest.approx(0.3)
    assert own[NONE].tolist() == [0, 0] and own[SAFE].tolist() == pytest.approx([0.02, 0.02])


def test_limits_with_the_largest_lower_end_are_chosen_not_those_with_the_largest_mean():
    # bold gains .1 on average, but its interval begins at -.1
    assert best(gains(_table(fold1=FIRST)), resamples=300) == SAFE
    assert best(gains(_table(fold2=SECOND)), resamples=300) == BOLD


def test_the_gain_of_a_fold_is_that_of_the_limits_which_the_others_choose():
    found = chosen_by_others(gains(_table(fold1=FIRST, fold2=SECOND)), resamples=300)
    # fold 2 chooses the bold pair for fold 1, which chooses the safe one for fold 2
    assert found.tolist() == pytest.approx([0.3, -0.1, 0.01, 0.03])


def test_one_fold_alone_cannot_choose_limits_for_itself():
    own = gains(_table(fold1=FIRST))
    with pytest.raises(UserError, match="two patients or more of the other folds: give more folds with --folds"):
        chosen_by_others(own, resamples=100)


def test_the_report_names_the_choice_and_the_gain_of_each_collection():
    told = lines(_table(fold1=FIRST, fold2=SECOND), resamples=300)
    assert told[0] == "| ET stays above | core becomes ET above 1 | core becomes ET above never |"
    assert "| never | – | +0.000 |" in told and "| 0.25 | – | +0.020 |" in told
    assert told[-1].startswith("Chosen: 0.25 and never.") and "SSA +0.100" in told[-1] and "GLI +0.020" in told[-1]

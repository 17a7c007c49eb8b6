"""Two evaluations are compared subject by subject, each collection by itself."""

from itertools import product

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.evaluation.summary import write_cases
from scripts.research.accuracy.evaluation import SUBSETS, TEACHER
from scripts.research.compare_results import comparison, main

FOUR = ("BraTS2021_1", "BraTS2021_2", "BraTS-SSA-1", "BraTS-SSA-2")


def _stored(path, gain, subjects=FOUR, subsets=SUBSETS):
    """Dice .5 in the first and .7 in the second subject of each collection, plus a gain of the students."""
    rows = []
    for subject, subset, region in product(subjects, subsets, ("tc", "wt", "et")):
        dice = (0.5 if subject.endswith("1") else 0.7) + gain * (subset != TEACHER)
        row = {"subject": subject, "network": subset, "sequences": subset, "region": region, "dice": dice}
        row |= {"hd95_mm": 1.0, "true_ml": 1.0, "predicted_ml": 1.0, "empty": "", "dice_cleaned": dice}
        rows.append(row | {"hd95_mm_cleaned": 1.0})
    write_cases(path, pd.DataFrame(rows))
    return str(path)


def test_gain_is_the_mean_over_subjects_with_its_interval(tmp_path, capsys):
    main([_stored(tmp_path / "a.csv", 0.0), _stored(tmp_path / "b.csv", 0.1)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 * 2 * 4
    assert lines[2] == "| GLI | all four | WT | 0.600 | 0.600 | +0.000 [+0.000, +0.000] |"
    # not bold, of two subjects
    assert lines[-1] == "| SSA | mean of the 14 limited | mean | 0.600 | 0.700 | +0.100 [+0.100, +0.100] |"


def test_other_subjects_are_refused(tmp_path):
    other = _stored(tmp_path / "b.csv", 0.0, ("BraTS2021_1", "BraTS2021_3", "BraTS-SSA-1"))
    with pytest.raises(UserError, match="have different subjects"):
        comparison(_stored(tmp_path / "a.csv", 0.0), other, 50)


def test_a_trial_of_some_networks_is_compared_in_each_choice_that_both_have(tmp_path):
    some = _stored(tmp_path / "b.csv", 0.1, subsets=("t1", "t1ce+flair", TEACHER))
    rows = comparison(_stored(tmp_path / "a.csv", 0.0), some, 50)[2:]
    assert [row.split(" | ")[1] for row in rows[::4]] == ["T1", "T1ce + FLAIR", "all four"] * 2
    assert rows[0] == "| GLI | T1 | WT | 0.600 | 0.700 | +0.100 [+0.100, +0.100] |"
    assert rows[8] == "| GLI | all four | WT | 0.600 | 0.600 | +0.000 [+0.000, +0.000] |"
    other = _stored(tmp_path / "c.csv", 0.1, subsets=("t2",))
    with pytest.raises(UserError, match="no choice of sequences in common"):
        comparison(some, other, 50)

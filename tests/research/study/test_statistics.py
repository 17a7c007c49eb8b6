# SPDX-License-Identifier: Apache-2.0
"""The study's statistics give the numbers that two subjects and two seeds give on paper."""

import math

import numpy as np
import pandas as pd
import pytest
from scripts.research.study.results import COLUMNS
from scripts.research.study.statistics import ALL, dice_of_subjects, gains, pair, two_level_interval

pytestmark = pytest.mark.filterwarnings("error")
FEW = {"resamples": 300}


def _rows(arm: str, seed: int, dice: dict[str, float], subset: str = "flair", network: str = "student") -> list[tuple]:
    """Rows of one training; the Dice of a subject is the same in all regions."""
    return [
        (arm, subset, seed, 0, network, subject, f"patient {subject[0]}", region, value, 2.0, 10.0, 9.0)
        for subject, value in dice.items()
        for region in ("tc", "wt", "et")
    ]


# The control has .5 everywhere; soft gains .06 and .02 (subjects a, b) with seed 0, .08 and .04 with seed 1.
STUDY = [
    *_rows("control", 0, {"a": 0.5, "b": 0.5}),
    *_rows("control", 1, {"a": 0.5, "b": 0.5}),
    *_rows("soft", 0, {"b": 0.52, "a": 0.56}),
    *_rows("soft", 1, {"a": 0.58, "b": 0.54}),
]


def _gain(rows: list[tuple], arm: str = "soft", subset: str = ALL, region: str = "mean", group: str = ALL, **more):
    """The one row of `gains`; None if there is none."""
    table = gains(pd.DataFrame(rows, columns=COLUMNS), "control", **(FEW | more))
    wanted = {"arm": arm, "subset": subset, "region": region, "group": group}
    chosen = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    return chosen.iloc[0] if len(chosen) else None


def test_gain_averages_seeds_then_subjects():
    line = _gain(STUDY, subset="flair")
    assert line.gain == pytest.approx(0.05)  # a: (.06 + .08) / 2 = .07, b: (.02 + .04) / 2 = .03
    assert (line.low, line.high) == pytest.approx((0.03, 0.07))  # both draws b, both draws a
    assert line.by_seed == pytest.approx((0.04, 0.06))
    assert line.p == pytest.approx(0.5)  # the least that two pairs can give: 2^(1 - 2)
    assert (line.dice, line.control, line.subjects, line.seeds) == (pytest.approx(0.55), 0.5, 2, (0, 1))


def test_scans_of_one_patient_are_drawn_together():
    gained = {"a1": 0.5, "a2": 0.6, "b": 0.9}
    rows = [*_rows("control", 0, dict.fromkeys(gained, 0.5)), *_rows("soft", 0, gained), *_rows("best", 0, gained)]
    line = _gain(rows, ceiling="best")
    assert (line.subjects, line.patients) == (3, 2)
    assert line.gain == pytest.approx(0.5 / 3)  # a mean over scans
    assert (line.low, line.high) == pytest.approx((0.05, 0.4))  # both draws a: (0 + .1) / 2; both draws b
    assert line.p == pytest.approx(0.5)  # two patients, both gain
    assert (line.share_low, line.share_high) == pytest.approx((1, 1))


def test_new_seeds_widen_the_interval():
    line = _gain(STUDY, region="wt")
    # seed 0 twice with b twice, seed 1 twice with a twice: one draw of 16 each, so within 95%
    assert (line.seeds_low, line.seeds_high) == pytest.approx((0.02, 0.08))


def test_share_of_the_gap_is_the_gain_over_that_of_the_ceiling():
    rows = [
        *_rows("control", 0, {"a": 0.5, "b": 0.5}),
        *_rows("half", 0, {"a": 0.6, "b": 0.5}),
        *_rows("best", 0, {"a": 0.7, "b": 0.6}),
    ]
    line = _gain(rows, "half", ceiling="best")
    assert line.share == pytest.approx(1 / 3)  # (.1 + 0) / (.2 + .1)
    assert (line.share_low, line.share_high) == pytest.approx((0.0, 0.5))  # both draws b, both draws a
    assert _gain(rows, "best", ceiling="best").share == pytest.approx(1)


def test_a_ceiling_that_gains_nothing_gives_no_share():
    rows = [*_rows("control", 0, {"a": 0.5}), *_rows("half", 0, {"a": 0.6}), *_rows("best", 0, {"a": 0.4})]
    assert math.isnan(_gain(rows, "half", ceiling="best").share)


def test_all_subsets_weigh_alike():
    more = [*_rows("control", 0, {"a": 0.4, "b": 0.4}, "t1+t2"), *_rows("control", 1, {"a": 0.4, "b": 0.4}, "t1+t2")]
    more += [*_rows("soft", 0, {"a": 0.43, "b": 0.39}, "t1+t2"), *_rows("soft", 1, {"a": 0.43, "b": 0.39}, "t1+t2")]
    line = _gain(STUDY + more)
    assert line.gain == pytest.approx(0.03)  # a: (.07 + .03) / 2 = .05, b: (.03 - .01) / 2 = .01
    assert line.by_seed == pytest.approx((0.025, 0.035))  # (.04 + .01) / 2, (.06 + .01) / 2
    assert line.subsets == ("flair", "t1+t2")


def test_all_subsets_use_only_seeds_that_each_of_them_has():
    rows = STUDY + _rows("control", 0, {"a": 0.4, "b": 0.4}, "t1+t2") + _rows("soft", 0, {"a": 0.4, "b": 0.4}, "t1+t2")
    line = _gain(rows)
    assert (line.seeds, line.gain) == ((0,), pytest.approx(0.02))  # (.04 + 0) / 2
    assert math.isnan(line.seeds_low)  # one seed has no spread
    assert _gain(rows, subset="flair").seeds == (0, 1)


def test_seeds_and_subsets_that_the_control_lacks_do_not_count():
    rows = STUDY + _rows("soft", 2, {"a": 0.9, "b": 0.9}) + _rows("soft", 0, {"a": 0.9, "b": 0.9}, "t1")
    rows += _rows("masked", 7, {"a": 0.9, "b": 0.9})
    line = _gain(rows)
    assert (line.gain, line.subsets, line.seeds) == (pytest.approx(0.05), ("flair",), (0, 1))
    assert _gain(rows, arm="masked") is None and _gain(rows, subset="t1") is None


def test_subject_that_one_training_lacks_is_left_out():
    line = _gain([row for row in STUDY if row[:3] + row[5:6] != ("soft", "flair", 1, "b")])
    assert (line.subjects, line.gain) == (1, pytest.approx(0.07))
    assert math.isnan(line.low) and line.p == 1


def test_control_against_itself_gains_nothing():
    line = _gain(STUDY, arm="control")
    assert (line.gain, line.low, line.high, line.p) == (0, 0, 0, 1)


def test_ensemble_is_compared_with_the_student_of_the_control_and_a_teacher_is_not():
    rows = STUDY + _rows("mutual", 0, {"a": 0.6, "b": 0.7}, network="ensemble")
    line = _gain(rows + _rows("mutual", 0, {"a": 0.9, "b": 0.9}, "t1+t1ce+t2+flair", network="teacher"), arm="mutual")
    assert line.network == "ensemble" and line.gain == pytest.approx(0.15)


def test_groups_are_reported_apart():
    groups = {"first": "a", "other": "b|c"}
    assert _gain(STUDY, group="first", groups=groups).gain == pytest.approx(0.07)
    assert _gain(STUDY, group="other", groups=groups).gain == pytest.approx(0.03)
    assert _gain(STUDY, groups=groups).subjects == 2


def test_mean_is_that_of_the_three_regions():
    rows = [(*row[:8], dice, *row[9:]) for row, dice in zip(_rows("control", 0, {"a": 0.0}), (0.3, 0.6, 0.9))]
    line = dice_of_subjects(pd.DataFrame(rows, columns=COLUMNS)).iloc[0]
    assert (line.tc, line.wt, line.et, line["mean"]) == pytest.approx((0.3, 0.6, 0.9, 0.6))


def test_two_level_interval_holds_the_spread_of_seeds():
    # all subjects alike: over subjects alone the interval would have no width
    assert two_level_interval(np.repeat([[0.0], [0.1]], 20, axis=1), range(20), **FEW) == pytest.approx((0, 0.1))


def test_two_level_interval_of_like_seeds_is_that_over_patients():
    assert two_level_interval([[0.0, 0.2], [0.0, 0.2]], ["a", "b"], **FEW) == pytest.approx((0, 0.2))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_two_level_interval_needs_two_of_each(shape):
    assert np.isnan(two_level_interval(np.ones(shape), range(shape[1]))).all()
    assert np.isnan(two_level_interval(np.ones((2, 2)), ["a", "a"])).all()


def test_pair_without_a_common_seed_is_none():
    dice = dice_of_subjects(
        pd.DataFrame(_rows("soft", 0, {"a": 0.5}) + _rows("control", 1, {"a": 0.5}), columns=COLUMNS)
    )
    assert pair(dice[dice.arm == "soft"], dice[dice.arm == "control"]) is None


def test_share_of_the_gap_takes_only_the_trainings_that_all_three_have():
    rows = [
        *(row for seed in (0, 1) for row in _rows("control", seed, {"a": 0.5, "b": 0.5})),
        *_rows("half", 0, {"a": 0.6, "b": 0.55}),
        *_rows("half", 1, {"a": 0.9, "b": 0.9}),  # the ceiling has no second seed
        *_rows("all", 0, {"a": 0.7, "b": 0.6}),
    ]
    line = _gain(rows, "half", ceiling="all")
    assert line.share == pytest.approx(0.5) and (line.share_low, line.share_high) == pytest.approx((0.5, 0.5))


def test_there_is_no_share_of_a_gap_that_is_not_sure():
    rows = [
        *_rows("control", 0, {"a": 0.5, "b": 0.5}),
        *_rows("half", 0, {"a": 0.6, "b": 0.6}),
        *_rows("all", 0, {"a": 0.7, "b": 0.45}),  # both draws b: a loss
    ]
    assert math.isnan(_gain(rows, "half", ceiling="all").share)


def test_the_gain_of_each_fold_is_that_of_its_subjects():
    rows = [
        (*row[:3], {"a": 0, "b": 1, "c": 1}[row[5]], *row[4:])
        for row in (
            *_rows("control", 0, {"a": 0.5, "b": 0.5, "c": 0.5}),
            *_rows("soft", 0, {"a": 0.6, "b": 0.4, "c": 0.5}),
        )
    ]
    assert _gain(rows).by_fold == pytest.approx((0.1, -0.05))

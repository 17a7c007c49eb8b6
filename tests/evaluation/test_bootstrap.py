# SPDX-License-Identifier: Apache-2.0
"""Intervals and paired differences against numbers worked out by hand."""

import numpy as np
import pytest
from scripts.evaluation.bootstrap import bootstrap_interval, describe, paired_difference, resample

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")


def test_interval_of_constant_values_is_a_point():
    assert bootstrap_interval([0.75] * 7).tolist() == [0.75, 0.75]


def test_interval_of_two_values_spans_them():
    # the resampled means are 0, .5 and 1 with the chances 1/4, 1/2, 1/4: 2.5% and 97.5% lie in the outer ones
    assert bootstrap_interval([0, 1]).tolist() == [0, 1]


def test_interval_of_many_values_is_nearly_normal():
    # 0..99: mean 49.5, standard deviation sqrt((100^2 - 1) / 12) = 28.87, standard error 2.887, times 1.96 is 5.66;
    # two more digits of the percentiles would need more than 10,000 resamples
    assert bootstrap_interval(np.arange(100.0)) == pytest.approx([49.5 - 5.66, 49.5 + 5.66], abs=0.25)


def test_interval_depends_on_the_seed_and_only_on_it():
    values = np.random.default_rng(1).random(20)
    assert bootstrap_interval(values).tolist() == bootstrap_interval(values).tolist()
    assert bootstrap_interval(values, seed=1).tolist() != bootstrap_interval(values).tolist()


def test_all_columns_see_the_same_resamples():
    values = np.random.default_rng(1).random((20, 2))
    ends = bootstrap_interval(np.column_stack([values, values[:, 0] + 2]))
    assert ends.shape == (2, 3)
    assert ends[:, 2] == pytest.approx(ends[:, 0] + 2)
    assert ends[:, 1].tolist() == bootstrap_interval(values[:, 1]).tolist()


def test_undefined_values_are_left_out_of_the_interval():
    # 2, 2 and two undefined: some resamples hold no defined value at all and don't count
    assert bootstrap_interval([2, NAN, 2, NAN]).tolist() == [2, 2]


@pytest.mark.parametrize("values", [[], [0.5], [0.5, NAN], [NAN, NAN]])
def test_interval_of_fewer_than_two_values_is_undefined(values):
    assert np.isnan(bootstrap_interval(values)).tolist() == [True, True]


def test_a_patient_is_drawn_with_all_of_its_subjects():
    drawn = resample(["a", "b", "a"], resamples=50)
    assert drawn.shape == (50, 3) and (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, 0] + drawn[:, 1] == 2).all()  # two patients a time


def test_interval_over_patients_weighs_their_subjects():
    # both draws b: 1; both draws a: (0 + .2) / 2
    assert bootstrap_interval([0, 1, 0.2], patients=["a", "b", "a"]) == pytest.approx([0.1, 1])
    assert np.isnan(bootstrap_interval([0, 1, NAN], patients=["a", "a", "b"])).all()  # one patient has no spread


def test_description_counts_what_is_undefined():
    result = describe([1, 3, NAN, 8], [0, 9])
    # mean 12 / 3; squared deviations 9, 1, 16 over 2: standard deviation sqrt(13)
    assert result == {
        "n": 3,
        "undefined": 1,
        "mean": 4,
        "interval": [0, 9],
        "median": 3,
        "std": pytest.approx(13**0.5),
        "min": 1,
        "max": 8,
    }


def test_paired_difference_is_first_minus_second():
    # .1, .2, .3, .4, .5: all above zero, so the exact two-sided p is 2 / 2^5
    result = paired_difference([0.5, 0.7, 0.9, 0.8, 1.0], [0.4, 0.5, 0.6, 0.4, 0.5])
    assert (result["n"], result["undefined"]) == (5, 0)
    assert (result["mean"], result["median"]) == (pytest.approx(0.3), pytest.approx(0.3))
    assert result["wilcoxon_p"] == pytest.approx(0.0625)
    assert 0.1 <= result["interval"][0] < 0.3 < result["interval"][1] <= 0.5


def test_pairs_with_an_undefined_half_are_left_out_and_counted():
    result = paired_difference([1, NAN, 3, NAN], [0, 1, NAN, NAN])
    assert (result["n"], result["undefined"], result["mean"]) == (1, 3, 1)


def test_a_patient_counts_once_in_the_test():
    result = paired_difference([0.3, 0.5, 0.5], [0.2, 0.6, 0.3], patients=["a", "a", "b"])
    assert (result["n"], result["patients"]) == (3, 2)
    assert result["mean"] == pytest.approx(0.2 / 3)
    assert result["wilcoxon_p"] == 1  # a's two differences cancel, and one pair alone gives p = 1


def test_no_difference_has_p_one():
    result = paired_difference([0.5, 0.6, 0.7], [0.5, 0.6, 0.7])
    assert (result["mean"], result["interval"], result["wilcoxon_p"]) == (0, [0, 0], 1)


@pytest.mark.parametrize("pairs", [[], [NAN], [NAN, NAN]])
def test_no_pair_has_no_p(pairs):
    result = paired_difference(pairs, pairs)
    assert result["n"] == 0 and np.isnan(result["wilcoxon_p"])


def test_ties_and_zeros_give_a_p_without_warnings():
    # without the zero: -.2, .2, .2, of which the ranks are all 2; sums 2 and 4 are as even as three can be
    assert paired_difference([0.5, 0.5, 0.5, 0.5], [0.5, 0.7, 0.3, 0.3])["wilcoxon_p"] == pytest.approx(1)


def test_unequal_numbers_of_subjects_are_refused():
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
        paired_difference([1, 2], [1, 2, 3])

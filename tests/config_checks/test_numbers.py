# SPDX-License-Identifier: Apache-2.0
"""Numbers out of range are refused."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("epochs", 0, "epochs is 0, but must be a whole number of at least 1"),
        ("clip_norm", -1, "clip_norm is -1, but must be a number above 0"),
        ("learning_rate", 0, "learning_rate is 0, but must be a number above 0"),
        ("learning_rate", float("nan"), "learning_rate is nan, but must be a number above 0"),
        ("learning_rate", float("inf"), "learning_rate is inf"),
        ("learning_rate", "fast", "learning_rate is 'fast', but must be a number"),
        ("unenhanced", 7, "unenhanced is 7, but must be a number of at least 0 and at most 1"),
        ("initial_probability", 1.0, "initial_probability is 1.0, but must be a number above 0 and below 1"),
        ("patches_per_epoch", 0, "patches_per_epoch is 0, but must be a whole number of at least 1"),
        ("epochs", 2.5, "epochs is 2.5, but must be a whole number"),
        ("spacing", "two", "spacing is 'two', but must be a number of at least 0.3"),
        ("load_ahead", 1000, "load_ahead is 1000, but must be a whole number of at least 0 and at most 64"),
    ],
)
def test_a_number_of_another_kind_or_out_of_range_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("training", -1, "simulated#training is -1, but must be a whole number of at least 1"),
        ("test", "x", "simulated#test is 'x', but must be a whole number of at least 0"),
    ],
)
def test_numbers_in_tables_are_checked_too(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(simulated={key: value}, train={}, evaluator=f"@simulated#{key}")


def test_an_interval_of_validations_may_be_longer_than_the_training_but_not_zero():
    check(val_interval=4)
    with pytest.raises(UserError, match="val_interval is 0, but must be a whole number of at least 1"):
        check(val_interval=0)


def test_a_fold_may_be_null_but_no_text():
    check(split={"fold": None}, train={}, dataset="@split")
    with pytest.raises(UserError, match="split#fold is 'a', but must be a whole number of at least 0"):
        check(split={"fold": "a"}, train={}, dataset="@split#fold")


def test_a_batch_that_no_epoch_can_fill_is_refused():
    with pytest.raises(UserError, match="batch_size is 4, but an epoch has only 2 patches.*lower"):
        check(batch_size=4, patches_per_epoch=2, train={})


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("wt_range_ml", [300, 1], "wt_range_ml is .300, 1.: give the smaller volume first"),
        ("wt_range_ml", [float("nan"), 300], "wt_range_ml is .nan, 300., but must be two volumes"),
        ("wt_range_ml", [True, False], "wt_range_ml is .True, False., but must be two volumes"),
    ],
)
def test_what_is_no_range_of_volumes_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})

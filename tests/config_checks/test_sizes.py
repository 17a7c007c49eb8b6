# SPDX-License-Identifier: Apache-2.0
"""Sizes that cannot be, or that do not go together, are refused."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.check_config import check_config

from tests.config_checks.helpers import check, shipped


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("window", 64, r"window is 64, but must be 3 whole numbers such as \[64, 64, 64\]"),
        ("patch_size", [64, 64], "patch_size is .64, 64., but must be 3 whole numbers"),
        ("filters", [16], r"filters is \[16\], but must be a list such as \[16, 32, 64\]"),
        ("filters", [16, 32.5], "filters is .16, 32.5., but must be a list"),
        ("filters", [16, 32], "filters is .16, 32., but must be a list such as .* at least three levels"),
        ("teacher_filters", [16, 32], "teacher_filters is .16, 32., but must be a list"),
    ],
)
def test_a_size_that_is_no_list_of_whole_numbers_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})


def test_a_patch_that_the_networks_levels_cannot_halve_is_refused():
    keys = {"filters": [4, 8, 16], "train": {}, "evaluator": ["@patch_size", "@filters"]}
    check(patch_size=[32, 36, 40], **keys)
    with pytest.raises(UserError, match=r"patch_size is \[32, 33, 40\], but must be multiples of 4.*\[32, 32, 40\]"):
        check(patch_size=[32, 33, 40], **keys)


def test_a_patch_with_too_few_latent_voxels_for_barlow_twins_is_refused_before_the_cohort_is_made():
    # four levels: 6 x 7 x 6 voxels at the bottleneck, 64 channels need 256
    keys = {"patch_size": [48, 56, 48], "batch_size": 1}
    with pytest.raises(
        UserError, match="252 latent voxels for 64 channels.* set --objective#terms#barlow_twins#loss#proj"
    ):
        check_config(shipped(**keys))
    with pytest.raises(UserError, match="project_dim to 63 or less"):
        check_config(shipped("train_all", **keys))
    check_config(shipped(**keys | {"batch_size": 2}))
    check_config(shipped(**keys | {"objective#terms#barlow_twins#loss#project_dim": 63}))
    check_config(shipped(**keys | {"objective#terms#barlow_twins#weight": 0}))
    check_config(shipped(**keys | {"objective#terms#barlow_twins#_disabled_": True}))
    check_config(shipped("no_distillation", **keys))

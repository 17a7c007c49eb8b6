# SPDX-License-Identifier: Apache-2.0
"""Scans without a background of zeros are refused, skull-stripped ones are not."""

import numpy as np
import pytest
import torch
from scripts.common.errors import ScanError
from scripts.data.background import check_background


def _ball(n=40, radius=None):
    """Values 1 to 2 inside a ball that fills the field, 0 around it."""
    axes = np.indices((n, n, n)) - (n - 1) / 2
    inside = (axes**2).sum(axis=0) <= (radius or n / 2) ** 2
    return (inside * (1 + np.random.default_rng(0).random((n, n, n)))).astype(np.float32)


def _check(array, voxel_ml=0.001):
    check_background("S1", "flair", torch.from_numpy(array), "s1_flair.nii.gz", voxel_ml)


def test_a_brain_passes_even_where_the_field_is_cut_around_it():
    _check(_ball())
    _check(_ball(radius=10))
    _check(_ball()[:, :, 15:25])  # a slab


def test_noise_in_the_air_is_told_with_the_tools_that_strip():
    scan = _ball(radius=15)
    scan[scan == 0] = 0.01 * np.random.default_rng(1).random(int((scan == 0).sum())) + 1e-4
    with pytest.raises(ScanError, match=r"^S1: s1_flair.nii.gz seems not to be skull-stripped: 0.0% .*HD-BET"):
        _check(scan)


def test_noise_with_zeros_only_inside_is_told_by_the_edges_of_the_field():
    scan = 1 + np.random.default_rng(0).random((40, 40, 40)).astype(np.float32)
    scan[10:30, 10:30] = 0  # a quarter is 0, but not where the background is
    with pytest.raises(ScanError, match=r"25.0% of the flair's voxels and 0.0% of those on the edges"):
        _check(scan)


@pytest.mark.parametrize("value", [-1, -1024, 0.5])
def test_a_constant_background_other_than_zero_is_named(value):
    scan = _ball()
    scan[scan == 0] = value
    with pytest.raises(ScanError, match=f"has a constant background of {value:g} instead of 0: set these voxels"):
        _check(scan)


def test_a_head_in_clean_air_is_told_by_its_volume():
    # the ball of 40 voxels across has about 33,500: 33.5 ml with voxels of 1 mm3, 3350 ml with 0.1 ml
    _check(_ball(), voxel_ml=0.04)
    with pytest.raises(ScanError, match=r"the flair's voxels other than 0 measure 33\d\d ml, more than a brain"):
        _check(_ball(), voxel_ml=0.1)

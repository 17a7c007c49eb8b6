# SPDX-License-Identifier: Apache-2.0
"""Sequences on other grids are refused, or resampled if they cover the brain."""

import numpy as np
import pytest
import torch
from conftest import save
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.data.load_scan import LoadSequencesd
from scripts.data.same_grid import check_grid, grid_difference, resample_to_first

FIRST, OTHER = "s1_t1.nii.gz", "s1_flair.nii.gz"


def _affine(mm, origin=(0, 0, 0)):
    affine = np.diag([mm, mm, mm, 1.0])
    affine[:3, 3] = origin
    return affine


def _smooth(shape, affine, end=30):
    """In RAS mm: a ramp along every axis inside a box of 8 to 30 mm, 0 outside."""
    voxels = np.stack(np.indices(shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    inside = ((voxels >= 8) & (voxels <= end)).all(axis=-1)
    return MetaTensor((inside * (voxels @ [1.0, 2, 3])).astype(np.float32), affine=affine)


def test_the_same_grid_is_no_difference_and_needs_no_resampling():
    scan = _smooth((40, 40, 40), _affine(1))
    assert grid_difference(scan, scan) is None
    assert resample_to_first("S1", (scan, FIRST), (scan, OTHER)) is scan


def test_other_grids_are_refused_with_the_way_out():
    pair = [(_smooth((40, 40, 40), _affine(1)), FIRST), (_smooth((20, 20, 20), _affine(2, (0.5, 0.5, 0.5))), OTHER)]
    with pytest.raises(ScanError, match="40 x 40 x 40 and 20 x 20 x 20.*python -m scripts.preprocess.*--resample true"):
        check_grid("S1", *pair)


def test_a_finer_shifted_scan_is_resampled_to_the_first_grid():
    first = _smooth((20, 20, 20), _affine(2))
    finer = _smooth((50, 44, 46), _affine(1, (-3, -2, -1)))
    result = resample_to_first("S1", (first, FIRST), (finer, OTHER))
    assert result.shape == (20, 20, 20) and grid_difference(first, result) is None
    # a ramp survives linear interpolation, away from the box's faces
    middle = (slice(5, 14),) * 3
    torch.testing.assert_close(result[middle].as_tensor(), first[middle].as_tensor(), atol=1e-2, rtol=0)
    assert result[0, 0, 0] == 0


def test_a_scan_that_misses_the_brain_is_not_resampled():
    first = _smooth((40, 40, 40), _affine(1))
    half = _smooth((40, 40, 20), _affine(1, (0, 0, 19)))  # covers z from 19 on, the brain begins at 8: 12 of 23 slices
    with pytest.raises(ScanError, match=r"s1_flair.nii.gz covers only 5\d% of the brain of s1_t1.nii.gz"):
        resample_to_first("S1", (first, FIRST), (half, OTHER))


def test_loading_resamples_only_when_asked(tmp_path):
    files = {}
    for name, shape, affine in (("t1", (80, 80, 80), _affine(1)), ("flair", (40, 40, 40), _affine(2))):
        files[name] = str(save(_smooth(shape, affine, end=70).numpy(), tmp_path / f"s1_{name}.nii.gz", affine))
    with pytest.raises(ScanError, match="lie on different grids"):
        LoadSequencesd(["t1", "flair"])({"subject": "S1"} | files)
    out = LoadSequencesd(["t1", "flair"], resample=True)({"subject": "S1"} | files)["image"]
    assert out.shape == (2, 80, 80, 80) and np.array_equal(out.affine, _affine(1))
    middle = (slice(None), *[slice(12, 26)] * 3)
    torch.testing.assert_close(*out[middle].as_tensor(), atol=1e-2, rtol=0)


def test_a_slab_does_not_cut_the_others_off():
    slab = _smooth((40, 40, 20), _affine(1, (0, 0, 19)))
    whole = _smooth((40, 40, 40), _affine(1))
    with pytest.raises(ScanError, match=r"s1_t1.nii.gz covers only 5\d% of the brain of s1_flair.nii.gz"):
        resample_to_first("S1", (slab, FIRST), (whole, OTHER))

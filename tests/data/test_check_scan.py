# SPDX-License-Identifier: Apache-2.0
"""What is no scan, has no place, or is another scan given twice is refused in one sentence."""

import numpy as np
import pytest
import torch
from conftest import AFFINE, SHAPE, label_array, scan_array
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.data.check_scan import (
    check_affine,
    check_distinct,
    check_extent,
    check_no_label_map,
    check_signal,
    little_in_common,
)


def scan_of(array, affine=AFFINE) -> MetaTensor:
    return MetaTensor(torch.from_numpy(np.asarray(array, np.float32)), affine=affine)


def large_scan(seed=0) -> np.ndarray:
    """12 x 12 x 12 voxels of a brain, of 1 to 1000, in 16 x 16 x 16 of background."""
    array = np.zeros((16, 16, 16), np.float32)
    array[2:14, 2:14, 2:14] = np.random.default_rng(seed).integers(1, 1000, (12, 12, 12))
    return array


def sheared() -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 1] = 0.5
    return affine


def with_last_row() -> np.ndarray:
    affine = AFFINE.copy()
    affine[3] = [1, 2, 3, 4]
    return affine


@pytest.mark.parametrize(
    "affine, sentence",
    [
        (np.diag([1.0, 0, 1, 1]), "a.nii has a degenerate affine .voxel axes .1.0, 0.0, 1.0. mm"),
        (np.diag([1.0, np.nan, 1, 1]), "a.nii has a degenerate affine"),
        (with_last_row(), "the affine of a.nii has the last row .1.0, 2.0, 3.0, 4.0. instead of 0, 0, 0, 1"),
        (AFFINE + 1e6 * np.eye(4)[:, [0]] * np.eye(4)[3], r"a.nii lies 1e\+06 mm from the origin"),
        (sheared(), "a.nii has voxel axes that are not at right angles"),
    ],
)
def test_an_affine_that_gives_voxels_no_position_is_refused(affine, sentence):
    with pytest.raises(ScanError, match=f"^S1: {sentence}"):
        check_affine("S1", scan_of(scan_array(10), affine), "a.nii")
    check_affine("S1", scan_of(scan_array(10)), "a.nii")


def test_a_scan_thinner_than_a_voxel_of_the_network_is_refused():
    check_extent("S1", "flair", scan_of(scan_array(40)), "a.nii", 4.0)  # 4 slices of 1 mm
    with pytest.raises(ScanError, match="a.nii has 6 x 5 x 4 voxels and extends only 4 mm .*: give the whole flair"):
        check_extent("S1", "flair", scan_of(scan_array(40)), "a.nii", 4.5)
    with pytest.raises(ScanError, match="a.nii has 5 x 0 x 5 voxels and extends only 0 mm"):
        check_extent("S1", "flair", scan_of(np.zeros((5, 0, 5))), "a.nii", 0.0)


def test_a_scan_wider_than_any_scanner_is_refused():
    with pytest.raises(ScanError, match="a.nii extends 1200 mm along one axis, more than any scanner's field"):
        check_extent("S1", "flair", scan_of(scan_array(40), np.diag([0.1, 0.1, 300, 1])), "a.nii", 0.0)


@pytest.mark.parametrize(
    "array, sentence",
    [
        (np.full(SHAPE, np.nan), "holds NaN or infinite voxels"),
        (np.zeros(SHAPE), "is empty, every voxel of the t1 is 0"),
        (np.full(SHAPE, 7), "is empty, every voxel of the t1 is 7"),
        (-large_scan(), "has no voxel above 0 in its t1, so its intensities have the wrong sign"),
    ],
)
def test_a_scan_without_a_signal_is_refused(array, sentence):
    with pytest.raises(ScanError, match=f"^S1: a.nii {sentence}"):
        check_signal("S1", "t1", scan_of(array), "a.nii")
    check_signal("S1", "t1", scan_of(large_scan()), "a.nii")


def test_unsigned_numbers_of_16_bits_that_were_saved_with_a_sign_are_refused():
    unsigned = (large_scan() * 50).astype(np.uint16)  # to 50,000
    check_signal("S1", "t1", scan_of(unsigned), "a.nii")
    wrapped = unsigned.view(np.int16)
    sentence = "^S1: a.nii has the values -32[67][0-9]{2} to 32[67][0-9]{2}, all the range of 16 bits .* of its t1 were"
    with pytest.raises(ScanError, match=sentence):
        check_signal("S1", "t1", scan_of(wrapped), "a.nii")
    check_signal("S1", "t1", scan_of(wrapped + np.float32(0.5)), "a.nii")
    check_signal("S1", "t1", scan_of(np.where(wrapped < 0, 0, wrapped)), "a.nii")  # as BraTS2021_01482, to 32767


def test_a_label_map_given_as_a_scan_is_refused():
    with pytest.raises(ScanError, match="a.nii has only the whole numbers 0 to 4, so it is a label map and no t1"):
        check_no_label_map("S1", "t1", scan_of(label_array()), "a.nii")


@pytest.mark.parametrize("values", [[30], [10, 20, 40], [63.75, 127.5, 255]])
def test_a_mask_or_a_label_map_of_any_numbers_is_no_scan(values):
    brain = large_scan()
    brain[brain > 0] = np.resize(values, 12**3)
    with pytest.raises(ScanError, match=f"has only the values 0, {values[0]:g}.*so it is a mask or a label map"):
        check_no_label_map("S1", "t1", scan_of(brain), "a.nii")


def test_a_scan_of_nine_values_is_taken():
    brain = large_scan()
    brain[brain > 0] = np.resize(np.arange(10, 100, 10), 12**3)
    check_no_label_map("S1", "t1", scan_of(brain), "a.nii")


def _check_t2(t1, t2, given=("1.nii", "2.nii")):
    return check_distinct("S1", "t2", torch.tensor(t2), {"t1": torch.tensor(t1)}, dict(zip(("t1", "t2"), given)))


def test_one_scan_as_two_sequences_is_recognised_though_it_is_rescaled():
    brain = large_scan()
    with pytest.raises(ScanError, match="1.nii and 2.nii, given as t1 and t2, have the same voxels, perhaps rescaled"):
        _check_t2(brain, 2.5 * brain)
    with pytest.raises(ScanError, match="the arrays given as t1 and t2 have the same voxels, .* or mirrored"):
        _check_t2(brain, brain[::-1].copy(), given=(torch.zeros(1), torch.zeros(1)))
    volumes = [{"file": "4d.nii", "volume": number} for number in range(2)]
    with pytest.raises(ScanError, match="volume 0 of 4d.nii and volume 1 of 4d.nii, given as t1 and t2, have the same"):
        _check_t2(brain, brain, given=volumes)
    _check_t2(brain, 1001 * (brain > 0) - brain)  # another contrast of the same brain


def test_brains_in_different_places_are_refused():
    other = large_scan(1)
    other[:5] = 0  # of the 12 slices from 2 to 13, nine remain
    _check_t2(large_scan(), other)
    other[5] = 0
    with pytest.raises(
        ScanError, match="have only 67% of their brains' voxels in common, so they are not co-registered"
    ):
        _check_t2(large_scan(), other)


def test_brains_that_overlap_less_than_those_of_one_patient_are_told():
    assert little_in_common(_check_t2(large_scan(), large_scan(1))) is None
    shifted = np.roll(large_scan(1), 1, axis=0)  # 11 slices of 13 are common to both
    common = _check_t2(large_scan(), shifted)
    assert little_in_common(common) == "only 85% of the brains of t1 and t2 overlap"
    assert little_in_common(common | {("t1", "flair"): 0.8}) == "only 80% of the brains of t1 and flair overlap"
    assert little_in_common({("t1", "flair"): 0.96}) is little_in_common({}) is None

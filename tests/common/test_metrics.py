# SPDX-License-Identifier: Apache-2.0
"""Measures of one case against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance
from scripts.common.metrics import RULES, case_measures, dice, hd95, remove_tiny
from scripts.common.sequences import REGIONS


def _voxels(*points, shape=(16, 12, 10)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(np.transpose(points))] = True
    return mask


def _cube(first: int, size: int, shape=(16, 12, 10)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[first : first + size, 1 : 1 + size, 1 : 1 + size] = True
    return mask


def _et_case(predicted_voxels: int, true_voxels: int) -> tuple[np.ndarray, np.ndarray]:
    """All three regions alike, lines of voxels in a 10 x 10 x 10 grid."""
    maps = []
    for count in (predicted_voxels, true_voxels):
        flat = np.zeros(1000, dtype=bool)
        flat[:count] = True
        maps.append(np.stack([flat.reshape(10, 10, 10)] * 3))
    return maps[0], maps[1]


def test_dice_of_shifted_cubes():
    # two cubes of 4^3 = 64 voxels, one voxel apart along x, share 3 x 4 x 4 = 48: 2 * 48 / 128
    assert dice(_cube(2, 4), _cube(3, 4)) == 0.75


def test_dice_counts_both_empty_as_one_and_one_empty_as_zero():
    empty, cube = np.zeros((16, 12, 10), dtype=bool), _cube(2, 4)
    assert (dice(empty, empty), dice(cube, empty), dice(empty, cube)) == (1, 0, 0)


def test_hd95_of_single_voxels_is_their_distance_in_mm():
    # offsets of 1, 2, 2 voxels of 2, 1, 3 mm: sqrt(2^2 + 2^2 + 6^2)
    distance = hd95(_voxels((4, 4, 4)), _voxels((5, 6, 6)), (2.0, 1.0, 3.0))
    assert distance == pytest.approx(math.sqrt(44), rel=1e-6)


def test_hd95_is_the_95th_percentile_of_the_worse_direction():
    # prediction: 11 voxels in a line that starts at the truth, so 0, 2, ..., 20 mm from it; 95% of the way is 19 mm.
    # From the truth to the prediction it is 0 mm; the larger one counts, whichever is called the truth.
    line, start = _voxels(*[(x, 5, 5) for x in range(2, 13)]), _voxels((2, 5, 5))
    assert hd95(line, start, (2.0, 1.0, 1.0)) == pytest.approx(19)
    assert hd95(start, line, (2.0, 1.0, 1.0)) == pytest.approx(19)


def test_hd95_of_equal_regions_is_zero_and_of_empty_ones_undefined():
    empty, cube = np.zeros((16, 12, 10), dtype=bool), _cube(2, 4)
    assert hd95(cube, cube, (1.0, 1.0, 1.0)) == 0
    assert all(math.isnan(hd95(*pair, (1.0, 1.0, 1.0))) for pair in ((empty, cube), (cube, empty), (empty, empty)))


@pytest.mark.parametrize("place", [slice(6, 18), slice(0, 12), slice(12, 24)], ids=["inside", "low edge", "high edge"])
def test_cropping_leaves_hd95_unchanged(place):
    noise = np.random.default_rng(0).random((2, 24, 24, 24)) < 0.2
    maps = np.zeros_like(noise)
    maps[:, place, place, place] = noise[:, place, place, place]
    whole = compute_hausdorff_distance(
        maps[:1, None], maps[1:, None], include_background=True, percentile=95, spacing=[1.0, 1.5, 2.0]
    )
    assert hd95(maps[0], maps[1], [1.0, 1.5, 2.0]) == whole.item()


def test_case_measures_gives_all_regions_in_order_with_volumes_in_ml():
    prediction, truth = np.stack([_cube(2, 3), _cube(2, 4), _cube(2, 2)]), np.stack([_cube(2, 3)] * 3)
    rows = case_measures(prediction, truth, (2, 2, 2.5))
    assert tuple(row["region"] for row in rows) == REGIONS
    # 27, 64 and 8 voxels of 10 mm3
    assert [row["predicted_ml"] for row in rows] == pytest.approx([0.27, 0.64, 0.08])
    assert [row["true_ml"] for row in rows] == pytest.approx([0.27] * 3)
    # all cubes share their first corner: 1, 2 * 27 / (64 + 27), 2 * 8 / (8 + 27)
    assert [row["dice"] for row in rows] == pytest.approx([1, 54 / 91, 16 / 35])
    assert [row["empty"] for row in rows] == ["", "", ""]


def test_each_kind_of_emptiness_is_named():
    empty, cube = np.zeros((16, 12, 10), dtype=bool), _cube(2, 9)
    rows = case_measures(np.stack([empty, empty, cube]), np.stack([empty, cube, empty]), (1, 1, 1))
    assert [row["empty"] for row in rows] == ["both", "prediction", "truth"]
    assert [row["dice"] for row in rows] == [1, 0, 0]
    assert all(math.isnan(row["hd95_mm"]) for row in rows)


@pytest.mark.parametrize(
    ("spacing", "removed", "kept"), [((1, 1, 1), 499, 500), ((2, 2, 2), 62, 63)], ids=["1 mm", "2 mm"]
)
def test_regions_below_half_a_millilitre_are_removed_whatever_the_spacing(spacing, removed, kept):
    # 62 and 63 voxels of 8 mm3 are 496 and 504 mm3
    ml_of_voxel = math.prod(spacing) / 1000
    assert not remove_tiny(_et_case(removed, 0)[0][2], ml_of_voxel).any()
    assert remove_tiny(_et_case(kept, 0)[0][2], ml_of_voxel).sum() == kept


def test_removing_tiny_enhancing_tumour_changes_only_its_cleaned_measures():
    rows = {row["region"]: row for row in case_measures(*_et_case(400, 0), (1, 1, 1))}
    assert (rows["et"]["dice"], rows["et"]["dice_cleaned"]) == (0, 1)  # rightly removed
    assert (rows["tc"]["dice_cleaned"], rows["wt"]["dice_cleaned"]) == (0, 0)
    assert rows["et"]["predicted_ml"] == 0.4
    rows = {row["region"]: row for row in case_measures(*_et_case(400, 400), (1, 1, 1))}
    assert (rows["et"]["dice"], rows["et"]["dice_cleaned"]) == (1, 0)  # wrongly removed
    assert rows["et"]["hd95_mm"] == 0 and math.isnan(rows["et"]["hd95_mm_cleaned"])
    et = case_measures(*_et_case(600, 600), (1, 1, 1))[2]
    assert (et["dice_cleaned"], et["hd95_mm_cleaned"]) == (1, 0)  # large enough to stay


def test_tensors_and_float_maps_are_taken():
    prediction, truth = (torch.as_tensor(maps) for maps in _et_case(600, 500))
    assert case_measures(prediction.float(), truth, (1, 1, 1)) == case_measures(prediction, truth, (1, 1, 1))


def test_unfit_maps_are_refused():
    maps = np.zeros((3, 4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match=r"one shape, got \(3, 4, 4, 4\) and \(3, 4, 4, 5\)"):
        case_measures(maps, np.zeros((3, 4, 4, 5), dtype=bool), (1, 1, 1))
    with pytest.raises(ValueError, match="prediction must be binary"):
        case_measures(np.full((3, 4, 4, 4), 0.7), maps, (1, 1, 1))
    with pytest.raises(ValueError, match=r"truth must have the shape \(3, X, Y, Z\), got \(4, 4, 4\)"):
        case_measures(maps, maps[0], (1, 1, 1))


def test_the_rules_name_the_threshold():
    assert "0.5 ml" in RULES["cleaned"]

# SPDX-License-Identifier: Apache-2.0
"""Scans and label maps go from grid to grid at the right place."""

import numpy as np
from scripts.preprocess.grid import resample, resample_labels, shifted

ONE = np.eye(4)
# Shifts by half a voxel along the first axis.
HALF = np.eye(4)
HALF[0, 3] = 0.5


def test_the_same_grid_gives_the_same_voxels():
    volume = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert np.array_equal(resample(volume, ONE, volume.shape, ONE), volume)


def test_half_a_voxel_is_interpolated_and_outside_is_zero():
    volume = np.array([2.0, 4.0, 8.0]).reshape(3, 1, 1)
    # points at 0.5, 1.5 and 2.5, the last outside
    assert resample(volume, ONE, (3, 1, 1), ONE, HALF).ravel().tolist() == [3, 6, 0]
    assert resample(volume, ONE, (3, 1, 1), HALF).ravel().tolist() == [3, 6, 0]


def test_a_turn_by_a_quarter_takes_each_voxel_to_its_place():
    volume = np.zeros((3, 3, 1))
    volume[2, 1] = 7  # at (2, 1) mm
    turn = np.eye(4)
    turn[:2, :2] = [[0, -1], [1, 0]]  # (x, y) to (-y, x)
    turn[0, 3] = 2  # so (1, 0) goes to (2, 1)
    assert np.argwhere(np.round(resample(volume, ONE, (3, 3, 1), ONE, turn))).tolist() == [[1, 0, 0]]


def test_the_largest_share_wins_and_ties_go_to_the_smaller_label():
    labels = np.array([0, 1, 1, 4, 0], np.uint8).reshape(5, 1, 1)
    quarter = np.eye(4)
    quarter[0, 3] = 0.25  # shares of the right neighbour are a quarter
    assert resample_labels(labels, ONE, labels.shape, ONE, quarter).ravel().tolist() == [0, 1, 1, 4, 0]
    # 0 and 1: 0. 1 and 1: 1. 1 and 4: 1. 4 and 0: 0. 0 and outside: 0.
    assert resample_labels(labels, ONE, labels.shape, ONE, HALF).ravel().tolist() == [0, 1, 1, 0, 0]


def test_three_labels_at_one_place_are_not_mixed_into_a_fourth():
    labels = np.array([[1, 4], [2, 4]], np.uint8)[..., None]
    middle = np.eye(4)
    middle[:2, 3] = 0.5
    assert resample_labels(labels, ONE, (1, 1, 1), ONE, middle).item() == 4  # shares 1/4, 1/4, 1/2


def test_labels_at_the_rim_of_either_grid_stay_whole():
    labels = np.full((3, 4, 5), 2, np.uint8)
    assert np.array_equal(resample_labels(labels, ONE, labels.shape, ONE), labels)
    wide = resample_labels(labels, ONE, (9, 9, 9), shifted(ONE, (-3, -2, -1)))
    assert (wide == 2).sum() == labels.size and (wide[3:6, 2:6, 1:6] == 2).all()


def test_labels_outside_the_other_grid_and_an_empty_map_give_background():
    labels = np.zeros((4, 4, 4), np.uint8)
    assert not resample_labels(labels, ONE, (2, 2, 2), ONE).any()
    labels[3, 3, 3] = 1
    assert not resample_labels(labels, ONE, (2, 2, 2), ONE).any()

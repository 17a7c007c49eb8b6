# SPDX-License-Identifier: Apache-2.0
"""A moved scan is found, and a scan of something else is refused."""

import numpy as np
import pytest
from scripts.common.errors import ScanError
from scripts.preprocess import register as module
from scripts.preprocess.register import centre, coarse_grid, cropped, motion, mutual_information, register

from tests.preprocess.head import AFFINE, moved, movement, scan


def test_motion_is_the_turn_and_the_way_of_a_point():
    matrix = movement(30, 7)
    assert motion(matrix, np.zeros(3)) == pytest.approx((30, 7))
    # the turn takes (10, 0, 0) to (8.66, 5, 0), the shift to (15.66, 5, 0)
    assert motion(matrix, np.array([10.0, 0, 0]))[1] == pytest.approx(np.hypot(5.6603, 5), abs=1e-3)


def test_the_centre_is_that_of_the_intensities():
    volume = np.zeros((3, 3, 3))
    volume[0, 1, 1], volume[2, 1, 1] = 3, 1  # at 0.5 voxels
    assert centre(volume, np.diag([2.0, 1, 1, 1])).tolist() == [1, 1, 1]


def test_the_coarse_grid_covers_the_same_field():
    shape, affine = coarse_grid(np.zeros((10, 9, 4)), np.diag([1.0, 1, 5, 1]), 2.0)
    assert shape == (5, 4, 4)
    # voxels of 2 mm begin where those of 1 mm do: their first centre is half a millimetre further
    assert affine[:3, 3].tolist() == [0.5, 0.5, 0] and np.diag(affine).tolist() == [2, 2, 5, 1]


def test_the_air_around_a_brain_is_cut_off_but_for_a_margin():
    volume = np.zeros((60, 60, 9))
    volume[30, 20:40, 4] = 1
    part, affine = cropped(volume, np.diag([1.0, 3, 5, 1]))
    assert part.shape == (31, 30, 7) and part.sum() == 20  # 15, 5 and 3 voxels of margin
    assert affine[:3, 3].tolist() == [15, 45, 5]


def test_mutual_information_is_the_entropy_for_the_same_scan_and_0_for_an_empty_one():
    volume = np.zeros((4, 4, 4))
    volume[:2] = 1
    pair = volume, np.diag([5.0, 5, 5, 1])
    assert mutual_information(pair, pair, np.eye(4)) == pytest.approx(np.log(2))
    assert mutual_information(pair, (np.zeros((4, 4, 4)), pair[1]), np.eye(4)) == 0


def test_a_moved_scan_of_another_sequence_is_brought_back_and_again_the_same():
    pytest.importorskip("ants", reason="antspyx is not installed (requirements-preprocess.txt)")
    known = movement(12, 15)
    other = moved(scan(bright=100, skull=True), known)
    found = register("P1", (scan(skull=True), AFFINE), (other, AFFINE), ("t1ce", "flair"))
    again = register("P1", (scan(skull=True), AFFINE), (other, AFFINE), ("t1ce", "flair"))
    corners = np.array([[x, y, z, 1] for x in (-50, 50) for y in (-60, 60) for z in (-40, 50)])
    errors = np.linalg.norm(corners @ (found - known).T, axis=1)
    assert errors.max() < 1.0  # a quarter of a voxel of 4 mm
    assert np.array_equal(found, again)


def test_a_result_that_no_head_can_make_is_refused(monkeypatch):
    class Ants:
        """Finds a turn by 90 degrees, whatever it gets."""

        class config:
            """Of ANTs."""

            @staticmethod
            def set_ants_deterministic(on, seed_value):
                assert on and seed_value == 1

        @staticmethod
        def from_numpy(array, **_):
            return array

        @staticmethod
        def create_ants_transform(**_):
            return None

        @staticmethod
        def write_transform(transform, path):
            pass

        @staticmethod
        def registration(*_, **__):
            return {"fwdtransforms": ["found"]}

        @staticmethod
        def read_transform(path):
            class Turn:
                parameters = (0, -1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
                fixed_parameters = (0, 0, 0)

            return Turn

    monkeypatch.setattr(module, "optional", lambda name: Ants)
    pair = scan(), AFFINE
    with pytest.raises(ScanError, match="P1: the flair could not be registered to the t1ce .found 90 degrees"):
        register("P1", pair, pair, ("t1ce", "flair"))

    def fail(*_, **__):
        raise RuntimeError("Registration failed with error code 1")

    monkeypatch.setattr(Ants, "registration", fail)
    with pytest.raises(ScanError, match="P1: ANTs failed to register the flair to the t1ce .Registration failed"):
        register("P1", pair, pair, ("t1ce", "flair"))

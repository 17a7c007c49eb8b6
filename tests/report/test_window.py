# SPDX-License-Identifier: Apache-2.0
"""Which grey levels are shown: vessels have no part in it, tumours have."""

import numpy as np
import pytest
from scripts.report.window import window

MM = (1, 1, 1)


def _brain() -> np.ndarray:
    """Tissue of 100 in a head of 48 mm, with background around."""
    brain = np.zeros((60, 60, 60), dtype=np.float32)
    brain[6:54, 6:54, 6:54] = 100
    return brain


def test_vessels_do_not_set_the_window():
    brain = _brain()
    brain[6:54, 8:54:6, 8:54:6] = 900  # tubes of one voxel, one in each cube of 6 mm
    brain[6:54, 9:54:6, 8:54:6] = 900  # and two voxels high: 1 of 18 is vessel, far more than 0.5 percent
    assert (brain == 900).sum() > 0.05 * (brain > 0).sum()
    assert window(brain, MM) == (100, pytest.approx(100.0001))
    assert np.percentile(brain[brain > 0], 99.5) == 900  # what the plain percentile would say


def test_a_tumour_sets_the_window():
    brain = _brain()
    brain[24:36, 24:36, 24:36] = 500  # 8 of the 8 ** 3 cubes inside are 1.6 percent
    assert window(brain, MM) == (100, 100 + 1.25 * 400)


def test_black_is_a_percentile_of_the_brain():
    brain = _brain()
    brain[6:54, 6:54, 6:8] = 10  # one of 24 planes of samples, more than 0.5 percent, less than half of its cubes
    assert window(brain, MM) == (10, 10 + 1.25 * 90)


def test_cubes_have_the_same_size_in_other_voxels():
    brain = _brain()
    brain[24:36, 24:36, 24:36] = 500
    assert window(brain[::2, ::2], (2, 2, 1)) == window(brain, MM)


def test_without_a_whole_cube_the_brain_counts_and_without_a_brain_there_is_a_window():
    thin = np.zeros((40, 40, 2))
    thin[10:30, 10:30] = 7
    black, white = window(thin, MM)
    assert black == 7 and white == pytest.approx(7, abs=1e-4) and white > black
    assert window(np.zeros((9, 9, 9)), MM) == (0, 1)

# SPDX-License-Identifier: Apache-2.0
"""Geodesic distance, by hand."""

import numpy as np
import pytest
from scripts.simulation.geodesic import geodesic


def test_distance_is_straight_at_unit_cost():
    start = np.zeros((7, 5, 5), dtype=bool)
    start[0, 2, 2] = True
    distance = geodesic(np.ones(start.shape), start, 2.0)
    assert distance[6, 2, 2] == pytest.approx(12.0)  # six steps of 2 mm
    assert distance[1, 3, 3] == pytest.approx(2 * 3**0.5)  # one diagonal step


def test_a_path_goes_round_a_wall():
    cost = np.ones((3, 5, 1))
    cost[1, :4] = np.inf  # open at one end only
    start = np.zeros(cost.shape, dtype=bool)
    start[0, 0] = True
    distance = geodesic(cost, start, 1.0)
    # 3 steps along the wall, diagonally into the gap and out again, 3 steps back
    assert distance[2, 0, 0] == pytest.approx(6 + 2 * 2**0.5, abs=1e-5)
    assert np.isinf(distance[1, 0, 0])

# SPDX-License-Identifier: Apache-2.0
"""Vessels, falx and dura."""

import numpy as np
from scripts.simulation import anatomy
from scripts.simulation.vessels import draw_vessels


def test_vessels_lie_at_the_midline_and_the_edge():
    vessels = draw_vessels(np.random.default_rng(0))
    assert 0 <= vessels.min() and vessels.max() <= 1
    source = anatomy.template()
    x = np.arange(vessels.shape[0]) + source.start[0]
    inside = vessels * (source.depth > 0)
    assert inside[np.abs(x) < 4].mean() > 5 * inside[np.abs(x) >= 4].mean()

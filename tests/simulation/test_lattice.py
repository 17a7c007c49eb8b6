# SPDX-License-Identifier: Apache-2.0
"""Fields of the lattice on other grids."""

import numpy as np
import pytest
from scripts.simulation.lattice import LATTICE, noise, read_off


def test_a_spline_reproduces_a_linear_field():
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    axes = [np.array([101.0, 102.3]), np.array([99.0]), np.array([50.5, 51.0])]
    assert read_off(2 * x - y + 0.5 * z, axes)[1, 0, 0] == pytest.approx(2 * 102.3 - 99 + 0.25 * 101, abs=1e-3)


def test_noise_is_the_same_on_every_grid_and_has_unit_variance():
    coarse, fine = ([np.arange(30, 200, step)] * 3 for step in (4.0, 2.0))
    first, second = (noise(np.random.default_rng(5), 12.0, axes) for axes in (coarse, fine))
    np.testing.assert_allclose(first, second[::2, ::2, ::2], atol=1e-5)
    assert first.std() == pytest.approx(1, abs=0.1)

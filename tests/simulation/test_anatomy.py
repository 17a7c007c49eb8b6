# SPDX-License-Identifier: Apache-2.0
"""Lattice fields, warped brains, and mass effect."""

import numpy as np
import pytest

from scripts.simulation import anatomy
from scripts.simulation.lattice import LATTICE, noise, read_off
from scripts.simulation.mass_effect import displaced, push
from scripts.simulation.vessels import draw_vessels


@pytest.fixture(scope="module")
def subject():
    rng = np.random.default_rng(3)
    traits = anatomy.draw_traits(rng)
    mni = anatomy.draw_warp(rng, traits.age)
    return mni, traits, anatomy.tissues(mni, traits)


def _ball(centre, radius):
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < radius**2


def test_reading_off_reproduces_a_linear_field():
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    axes = [np.array([101.0, 102.3]), np.array([99.0]), np.array([50.5, 51.0])]
    assert read_off(2 * x - y + 0.5 * z, axes)[1, 0, 0] == pytest.approx(2 * 102.3 - 99 + 0.25 * 101, abs=1e-3)


def test_noise_is_the_same_on_every_grid_and_has_unit_variance():
    coarse, fine = ([np.arange(30, 200, step)] * 3 for step in (4.0, 2.0))
    first, second = (noise(np.random.default_rng(5), 12.0, axes) for axes in (coarse, fine))
    np.testing.assert_allclose(first, second[::2, ::2, ::2], atol=1e-5)
    assert first.std() == pytest.approx(1, abs=0.1)


def test_fractions_sum_to_one_inside_and_the_brain_is_as_large_as_real_ones(subject):
    _, _, brain = subject
    total = brain.gm + brain.wm + brain.csf
    assert total[brain.depth > 0].mean() == pytest.approx(1, abs=0.01)
    assert total[brain.depth < -3].max() == 0
    assert 1000 < (total > 0.5).sum() * 0.008 < 2100  # ml; eleven BraTS brains have 1250 to 1730 after stripping


def test_different_subjects_have_different_brains(subject):
    other = anatomy.draw_warp(np.random.default_rng(4), 0.5)
    assert np.abs(other - subject[0]).mean() > 2  # mm


def test_no_mass_effect_is_identity(subject):
    mni, _, brain = subject
    shift = push(_ball((150, 120, 85), 20), brain.csf, brain.depth, 0.0)
    assert not shift.any()
    assert displaced(mni, shift) is mni


def test_mass_effect_pushes_the_midline_and_squeezes_the_ventricles(subject):
    mni, traits, brain = subject
    ball = _ball((146, 120, 82), 22)  # to the right in the array
    shift = push(ball, brain.csf, brain.depth, 1.0)
    moved = anatomy.tissues(displaced(mni, shift), traits)
    near_midline = (np.abs(mni[0]) < 3) & (np.abs(mni[1]) < 30) & (mni[2] > 5) & (mni[2] < 40)
    assert shift[0][near_midline].mean() < -1  # mm, away from the tumour
    ventricles = (np.abs(mni[0]) < 30) & (np.abs(mni[1]) < 40) & (mni[2] > -5) & (mni[2] < 30)
    assert moved.csf[ventricles].sum() < brain.csf[ventricles].sum()
    assert np.linalg.norm(shift, axis=0).max() < 15


def test_mass_effect_does_not_fold_the_brain(subject):
    _, _, brain = subject
    shift = push(_ball((146, 120, 82), 28), brain.csf, brain.depth, 1.2)
    jacobian = np.eye(3)[:, :, None, None, None] - np.stack([np.stack(np.gradient(s, 2.0)) for s in shift])
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))[brain.depth > 0].min() > 0


def test_vessels_lie_at_the_midline_and_the_edge():
    vessels = draw_vessels(np.random.default_rng(0))
    assert 0 <= vessels.min() and vessels.max() <= 1
    source = anatomy.template()
    x = np.arange(vessels.shape[0]) + source.start[0]
    inside = vessels * (source.depth > 0)
    assert inside[np.abs(x) < 4].mean() > 5 * inside[np.abs(x) >= 4].mean()

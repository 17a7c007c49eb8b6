# SPDX-License-Identifier: Apache-2.0
"""Tumours displace the brain."""

import numpy as np
import pytest
from scripts.simulation import anatomy
from scripts.simulation.lattice import LATTICE
from scripts.simulation.mass_effect import displaced_warp, tissue_shift


@pytest.fixture(scope="module")
def subject():
    rng = np.random.default_rng(3)
    traits = anatomy.draw_traits(rng)
    mni = anatomy.draw_warp(rng, traits.age)
    return mni, traits, anatomy.tissues(mni, traits)


def _ball(centre, radius):
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < radius**2


def test_no_mass_effect_is_identity(subject):
    mni, _, brain = subject
    shift = tissue_shift(_ball((150, 120, 85), 20), brain.csf, brain.depth, 0.0)
    assert not shift.any()
    assert displaced_warp(mni, shift) is mni


def test_mass_effect_pushes_the_midline_and_squeezes_the_ventricles(subject):
    mni, traits, brain = subject
    ball = _ball((146, 120, 82), 22)  # to the right in the array
    shift = tissue_shift(ball, brain.csf, brain.depth, 1.0)
    moved = anatomy.tissues(displaced_warp(mni, shift), traits)
    near_midline = (np.abs(mni[0]) < 3) & (np.abs(mni[1]) < 30) & (mni[2] > 5) & (mni[2] < 40)
    assert shift[0][near_midline].mean() < -1  # mm, away from the tumour
    ventricles = (np.abs(mni[0]) < 30) & (np.abs(mni[1]) < 40) & (mni[2] > -5) & (mni[2] < 30)
    assert moved.csf[ventricles].sum() < brain.csf[ventricles].sum()
    assert np.linalg.norm(shift, axis=0).max() < 15


def test_mass_effect_does_not_fold_the_brain(subject):
    _, _, brain = subject
    shift = tissue_shift(_ball((146, 120, 82), 28), brain.csf, brain.depth, 1.2)
    jacobian = np.eye(3)[:, :, None, None, None] - np.stack([np.stack(np.gradient(s, 2.0)) for s in shift])
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))[brain.depth > 0].min() > 0

# SPDX-License-Identifier: Apache-2.0
"""Warped brains."""

import numpy as np
import pytest
from scripts.simulation import anatomy


@pytest.fixture(scope="module")
def subject():
    rng = np.random.default_rng(3)
    traits = anatomy.draw_traits(rng)
    mni = anatomy.draw_warp(rng, traits.age)
    return mni, traits, anatomy.tissues(mni, traits)


def test_fractions_sum_to_one_inside_and_the_brain_is_as_large_as_real_ones(subject):
    _, _, brain = subject
    total = brain.gm + brain.wm + brain.csf
    assert total[brain.depth > 0].mean() == pytest.approx(1, abs=0.01)
    assert total[brain.depth < -3].max() == 0
    assert 1000 < (total > 0.5).sum() * 0.008 < 2100  # ml; eleven BraTS brains have 1250 to 1730 after stripping


def test_different_subjects_have_different_brains(subject):
    other = anatomy.draw_warp(np.random.default_rng(4), 0.5)
    assert np.abs(other - subject[0]).mean() > 2  # mm

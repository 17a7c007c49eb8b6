# SPDX-License-Identifier: Apache-2.0
"""Tumours have the given volumes, grow where they may, and their labels nest."""

import numpy as np
import pytest
from scipy import ndimage
from scripts.simulation import anatomy, tumour
from scripts.simulation.lattice import SHAPE
from scripts.simulation.tumour_core import Focus, draw_core, draw_seed, radius_of


@pytest.fixture(scope="module")
def brain():
    rng = np.random.default_rng(7)
    traits = anatomy.draw_traits(rng)
    return anatomy.tissues(anatomy.draw_warp(rng, traits.age), traits)


def _grown(brain, size, seed=1):
    rng = np.random.default_rng(seed)
    closed = tumour.barriers(brain)
    shape = draw_core(rng, draw_seed(rng, brain, radius_of(size.core), ~closed), size.core)
    return tumour.grow(rng, brain, shape, size, closed), closed


def test_the_level_holds_the_volume():
    field = np.arange(1000.0).reshape(10, 10, 10)
    level = tumour.level_of_volume(field, np.ones(field.shape, dtype=bool), ml=0.8)  # 100 voxels of 8 microlitres
    assert (field < level).sum() == 100


def test_volumes_are_the_given_ones_and_nothing_grows_through_barriers(brain):
    size = Focus(whole=80.0, core=30.0, enhancing=15.0)
    levels, closed = _grown(brain, size)
    core = levels.core < 0
    whole = core | (levels.whole < 0)
    assert core.sum() * 0.008 == pytest.approx(30, rel=0.02)
    assert whole.sum() * 0.008 == pytest.approx(80, rel=0.05)
    assert (core & (levels.necrosis < 0)).sum() * 0.008 == pytest.approx(15, rel=0.02)
    assert not (whole & closed).any()


def test_necrosis_lies_inside_an_enhancing_rim(brain):
    levels, _ = _grown(brain, Focus(whole=60.0, core=30.0, enhancing=18.0))
    core = levels.core < 0
    necrosis = core & (levels.necrosis < 0)
    shell = ndimage.binary_dilation(necrosis) & ~necrosis
    assert (shell & core).sum() > 0.6 * shell.sum()


def test_without_enhancement_the_core_is_all_necrosis(brain):
    levels, _ = _grown(brain, Focus(whole=40.0, core=20.0, enhancing=0.0))
    assert (levels.necrosis < 0).all()


def test_oedema_prefers_white_matter(brain):
    levels, closed = _grown(brain, Focus(whole=90.0, core=10.0, enhancing=5.0))
    oedema = (levels.whole < 0) & (levels.core >= 0)
    assert brain.wm[oedema].mean() > brain.wm[~closed].mean() + 0.1
    assert brain.csf[oedema].mean() < brain.csf[~closed].mean()


def test_a_satellite_keeps_apart(brain):
    levels, closed = _grown(brain, Focus(whole=30.0, core=10.0, enhancing=5.0))
    both = tumour.add_satellites(np.random.default_rng(2), brain, levels, [Focus(3.0, 1.0, 0.5)], closed)
    assert (
        ndimage.label((both.whole < 0) | (both.core < 0))[1] > ndimage.label((levels.whole < 0) | (levels.core < 0))[1]
    )


def test_with_too_little_room_the_oedema_fills_what_it_can_reach(brain):
    size = Focus(whole=30.0, core=2.0, enhancing=1.0)
    rng = np.random.default_rng(1)
    closed = tumour.barriers(brain)
    seed = draw_seed(rng, brain, radius_of(size.core), ~closed)
    shape = draw_core(rng, seed, size.core)
    near = np.zeros(SHAPE, dtype=bool)
    near[tuple(slice(int(place) - 9, int(place) + 10) for place in seed)] = True  # 55 ml, less where it is closed
    levels = tumour.grow(rng, brain, shape, Focus(whole=90.0, core=2.0, enhancing=1.0), closed | ~near)
    whole = ((levels.core < 0) | (levels.whole < 0)) & near & ~closed
    assert whole.sum() > 0.8 * (near & ~closed).sum()

# SPDX-License-Identifier: Apache-2.0
"""Tumours: sizes, the way through tissue, and labels that nest."""

import numpy as np
import pytest
from scipy import ndimage

from scripts.simulation import anatomy, tumour
from scripts.simulation.geodesic import geodesic
from scripts.simulation.tumour_core import Focus, draw_core, draw_seed, draw_sizes, radius_of


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


def test_geodesic_goes_straight_at_unit_cost():
    start = np.zeros((7, 5, 5), dtype=bool)
    start[0, 2, 2] = True
    distance = geodesic(np.ones(start.shape), start, 2.0)
    assert distance[6, 2, 2] == pytest.approx(12.0)  # six steps of 2 mm
    assert distance[1, 3, 3] == pytest.approx(2 * 3**0.5)  # one diagonal step


def test_geodesic_walks_round_a_wall():
    cost = np.ones((3, 5, 1))
    cost[1, :4] = np.inf  # open at one end only
    start = np.zeros(cost.shape, dtype=bool)
    start[0, 0] = True
    distance = geodesic(cost, start, 1.0)
    # 3 steps along the wall, diagonally into the gap and out again, 3 steps back
    assert distance[2, 0, 0] == pytest.approx(6 + 2 * 2**0.5, abs=1e-5)
    assert np.isinf(distance[1, 0, 0])


def test_cut_holds_the_volume():
    field = np.arange(1000.0).reshape(10, 10, 10)
    level = tumour.cut(field, np.ones(field.shape, dtype=bool), ml=0.8)  # 100 voxels of 8 microlitres
    assert (field < level).sum() == 100


def test_radius_of_a_ball():
    assert radius_of(4 / 3 * np.pi) == pytest.approx(10.0)  # 4/3 pi cm3 is a ball of 1 cm


def test_sizes_are_those_of_brats_2020():
    rng = np.random.default_rng(0)
    foci = [draw_sizes(rng) for _ in range(4000)]
    whole, core, enhancing = (np.array([sum(getattr(f, k) for f in s) for s in foci]) for k in vars(foci[0][0]))
    # medians from brats2020_label_statistics.json; the tolerance is three standard errors or so
    for values, median in ((whole, 89.87), (core, 33.6), (enhancing, 15.02), (whole - core, 49.93)):
        assert np.median(values) == pytest.approx(median, rel=0.12)
    assert np.mean(enhancing == 0) == pytest.approx(0.065, abs=0.015)
    assert np.mean([len(s) == 1 for s in foci]) == pytest.approx(0.765, abs=0.03)
    assert (core < whole).all() and (enhancing <= core).all()


def test_volumes_are_the_ones_asked_for_and_nothing_grows_where_it_may_not(brain):
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

# SPDX-License-Identifier: Apache-2.0
"""Sizes of tumours."""

import numpy as np
import pytest
from scripts.simulation.tumour_core import draw_sizes, radius_of


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

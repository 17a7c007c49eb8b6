# SPDX-License-Identifier: Apache-2.0
"""Contrast of enhancing tumour, computed by hand on a row of voxels of oedema, core and ET."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.inference.enhancement import T1CE, EtByContrastd, EtContrastd, KeepT1ced, et_by_contrast, et_contrast

# Voxels of 1 ml.
AFFINE = torch.diag(torch.tensor([10.0, 10, 10, 1]))


def _probabilities(oedema=2):
    """Background, ``oedema`` voxels, core, two voxels of ET, of which the second is none of TC by itself."""
    probabilities = torch.zeros(3, oedema + 4, 1, 1)
    probabilities[1, 1:] = 0.9
    probabilities[0, -3:-1] = 0.8
    probabilities[2, -2:] = 0.7
    return MetaTensor(probabilities, affine=AFFINE)


def _t1ce(*values):
    return torch.tensor(values)[:, None, None]


def test_contrast_is_the_distance_of_et_from_oedema_in_deviations_of_the_oedema():
    # oedema 0.3 +- 0.5; ET (1 + 2) / 2 = 1.5; background and core do not count: (1.5 - 0.3) / 0.5
    assert et_contrast(_probabilities(), _t1ce(9.0, -0.2, 0.8, -5.0, 1.0, 2.0)) == pytest.approx(2.4)
    # oedema 0.3 +- 0.1, which counts as 0.2
    assert et_contrast(_probabilities(), _t1ce(9.0, 0.2, 0.4, -5.0, 1.0, 2.0)) == pytest.approx(6)


def test_without_oedema_the_brains_mean_stands_for_it():
    assert et_contrast(_probabilities(oedema=0), _t1ce(9.0, -5.0, 1.0, 2.0)) == pytest.approx(1.5)
    small = _probabilities()
    small.affine = torch.diag(torch.tensor([7.0, 7, 7, 1]))  # two voxels of 0.343 ml
    assert et_contrast(small, _t1ce(9.0, 0.2, 0.4, -5.0, 1.0, 2.0)) == pytest.approx(1.5)


def test_without_et_there_is_no_contrast():
    probabilities = _probabilities()
    probabilities[2] = 0
    assert et_contrast(probabilities, _t1ce(0.0, 0, 0, 0, 0, 0)) is None


@pytest.mark.parametrize("sequences, contrast", [("t1+t1ce", 2.4), ("t1+t2", None)])
def test_contrast_is_measured_where_the_network_sees_t1ce(sequences, contrast):
    image = torch.stack([_t1ce(0.0, 0, 0, 0, 0, 0), _t1ce(9.0, -0.2, 0.8, -5.0, 1.0, 2.0)])
    data = {"pred": _probabilities(), "image": image, "sequences": sequences}
    out = EtContrastd("pred")(data)
    assert out["pred_et_contrast"] == (contrast and pytest.approx(contrast))
    assert torch.equal(out["pred"], data["pred"])


def _row(*voxels):
    """Regions (3, n, 1, 1) of a row of voxels: b background, o oedema, c core, e enhancing."""
    return np.array([[v in inside for v in voxels] for inside in ("ce", "oce", "e")])[..., None, None]


def test_et_is_what_is_brighter_than_oedema_and_core_what_is_not_much_brighter():
    regions = _row(*"boocccee")
    # oedema 100 +- 20: ET stays above 110, core becomes ET above 120
    t1ce = np.array([999.0, 80, 120, 90, 120, 121, 110, 111])[:, None, None]
    found = et_by_contrast(regions, t1ce, 1.0)
    assert found.flatten().tolist() == [False, False, False, False, False, True, False, True]
    # above 60 and above 140
    others = et_by_contrast(regions, t1ce, 1.0, stays=-2, becomes=2)
    assert others.flatten().tolist() == [False, False, False, False, False, False, True, True]
    unchanged = et_by_contrast(regions, t1ce, 1.0, stays=-np.inf, becomes=np.inf)
    assert np.array_equal(unchanged, regions[2])
    # the same in other units, as MR has none
    assert np.array_equal(et_by_contrast(regions, 0.01 * t1ce - 5, 1.0), found)


def test_et_stays_as_it_is_with_less_than_a_millilitre_of_oedema():
    regions = _row(*"booce")
    t1ce = np.array([0.0, 80, 120, 999, 0])[:, None, None]
    assert et_by_contrast(regions, t1ce, 0.5).flatten().tolist() == [False, False, False, True, False]
    assert et_by_contrast(regions, t1ce, 0.4).flatten().tolist() == [False, False, False, False, True]
    nothing = np.zeros_like(regions)
    assert not et_by_contrast(nothing, t1ce, 1.0).any()


def test_t1ce_is_kept_in_the_scans_grid_where_it_was_loaded():
    image = torch.stack([torch.full((2, 2, 2), float(n)) for n in range(4)])
    both = KeepT1ced()({"image": MetaTensor(image[:2]), "sequences": "t1+t1ce"})
    assert both[T1CE].tolist() == image[1].tolist() and isinstance(both[T1CE], np.ndarray)
    four = KeepT1ced(["t1", "t1ce", "t2", "flair"])({"image": image, "sequences": "t1ce+flair"})
    assert four[T1CE].tolist() == image[1].tolist()
    assert T1CE not in KeepT1ced()({"image": image[:2], "sequences": "t1+t2"})


def test_regions_of_networks_that_see_t1ce_get_their_et_by_contrast():
    regions = MetaTensor(torch.from_numpy(_row(*"boocee")), affine=AFFINE)
    t1ce = _t1ce(0.0, 80, 120, 121, 90, 111)
    sequences = {"teacher": ["t1", "t1ce"], "student": ["flair"]}
    data = {"teacher": regions, "student": regions, T1CE: t1ce}
    out = EtByContrastd(["teacher", "student"], sequences)(data)
    assert out["teacher"][2].flatten().tolist() == [False, False, False, True, False, True]
    assert torch.equal(out["teacher"][:2], regions[:2]) and torch.equal(out["student"], regions)
    assert regions[2].sum() == 2  # not changed in place
    without = EtByContrastd(["teacher"], sequences)({"teacher": regions})
    assert torch.equal(without["teacher"], regions)

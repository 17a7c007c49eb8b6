# SPDX-License-Identifier: Apache-2.0
"""Contrast of enhancing tumour, computed by hand on a row of voxels of oedema, core and ET."""

import pytest
import torch
from monai.data import MetaTensor
from scripts.common.sequences import SEQUENCES
from scripts.inference.enhancement import RequireEnhancementd, et_contrast, without_et

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


def test_cleared_et_is_core_and_the_rest_stays():
    before = _probabilities()
    after = without_et(before)
    assert after[2].max() == 0 and after[0].flatten().tolist() == pytest.approx([0, 0, 0, 0.8, 0.8, 0.7])
    assert torch.equal(after[1], before[1]) and torch.equal(after.affine, before.affine) and before[2].max() > 0


@pytest.mark.parametrize("least, kept", [(2.3, True), (2.5, False), (0, True)])
def test_et_is_kept_if_it_is_bright_enough(least, kept):
    image = torch.stack([_t1ce(0.0, 0, 0, 0, 0, 0), _t1ce(9.0, -0.2, 0.8, -5.0, 1.0, 2.0)])
    data = {"pred": _probabilities(), "image": image, "sequences": "t1+t1ce"}
    out = RequireEnhancementd("pred", least)(data)
    assert bool(out["pred"][2].any()) is kept and out["pred_et_contrast"] == pytest.approx(2.4)
    assert out["pred_et_cleared"] is not kept
    assert data["pred"][2].any()


def test_a_limit_of_zero_keeps_even_what_is_darker_than_oedema():
    data = {"pred": _probabilities(), "image": -_t1ce(9.0, -0.2, 0.8, -5.0, 1.0, 2.0)[None], "sequences": "t1ce"}
    out = RequireEnhancementd("pred", 0)(data)
    assert out["pred"][2].any() and out["pred_et_contrast"] == pytest.approx(-2.4)


def test_only_networks_that_see_t1ce_are_judged_by_it():
    image = torch.zeros(4, 6, 1, 1)
    networks = {"teacher": SEQUENCES, "t1+t2": ("t1", "t2")}
    data = {name: _probabilities() for name in networks} | {"image": image, "sequences": "t1+t1ce+t2+flair"}
    out = RequireEnhancementd(list(networks), 0.5, SEQUENCES, networks)(data)
    assert not out["teacher"][2].any() and out["t1+t2"][2].any() and out["t1+t2_et_contrast"] is None
    alone = {"pred": _probabilities(), "image": image[:2], "sequences": "t1+t2"}
    assert RequireEnhancementd("pred", 0.5)(alone)["pred"][2].any()


def test_negative_contrast_is_refused():
    with pytest.raises(ValueError, match="least must be 0 or more"):
        RequireEnhancementd("pred", -1)

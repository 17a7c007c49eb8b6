# SPDX-License-Identifier: Apache-2.0
"""Contrast of enhancing tumour, computed by hand on a row of voxels of oedema, core and ET."""

import pytest
import torch
from monai.data import MetaTensor
from scripts.inference.enhancement import EtContrastd, et_contrast

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

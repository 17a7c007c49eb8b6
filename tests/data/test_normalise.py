# SPDX-License-Identifier: Apache-2.0
"""Normalisation of each sequence inside its own voxels."""

import pytest
import torch
from monai.data import MetaTensor
from scripts.data.normalise import NormaliseBraind


def _normalised(image, **kwargs):
    return NormaliseBraind("image", **kwargs)({"image": MetaTensor(image)})["image"]


def test_brain_is_standardised_by_hand_and_background_stays_zero():
    # brain values 1, 2, 3: mean 2, standard deviation sqrt(2/3) = .8165: -1.2247, 0, 1.2247
    image = torch.tensor([0.0, 1, 2, 3, 0, 0, 0, 0]).reshape(1, 2, 2, 2)
    result = _normalised(image, lower=0, upper=100).flatten()
    torch.testing.assert_close(result.as_tensor()[:4], torch.tensor([0, -1.2247, 0, 1.2247]), atol=1e-4, rtol=0)


def test_mean_voxels_of_the_brain_are_not_taken_for_background():
    image = torch.tensor([0.0, 1, 2, 3, 0, 0, 0, 0]).reshape(1, 2, 2, 2)
    assert (_normalised(image, lower=0, upper=100) != 0).flatten().tolist() == [False, True, True, True] + [False] * 4


@pytest.mark.parametrize("value", [32767, 1e16, 3e38])  # the first as in BraTS2021_01482
def test_one_extreme_voxel_does_not_change_the_rest(value):
    torch.manual_seed(0)
    image = torch.rand(1, 20, 20, 20) + 1
    spoilt = image.clone()
    spoilt[0, 0, 0, 0] = value
    change = (_normalised(spoilt) - _normalised(image)).flatten()[1:].abs().max()
    assert change < 0.01


def test_channels_do_not_depend_on_each_other():
    image = torch.rand(2, 8, 8, 8) + 1
    other = image.clone()
    other[1] = 1000 * torch.rand(8, 8, 8)
    assert torch.equal(_normalised(image)[0], _normalised(other)[0])


def test_units_of_the_scanner_do_not_matter():
    image = torch.rand(1, 8, 8, 8) + 1
    torch.testing.assert_close(_normalised(image), _normalised(image * 700), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constant_channel_is_finite(value):
    assert _normalised(torch.full((1, 4, 4, 4), value)).isfinite().all()


def test_the_input_is_left_alone():
    image = MetaTensor(torch.rand(1, 4, 4, 4) + 1)
    before = image.clone()
    NormaliseBraind("image")({"image": image})
    assert torch.equal(image, before)


@pytest.mark.parametrize("unit", [1e-42, 1e-30, 1e-6, 1e30, 1e35])
def test_intensities_beyond_the_range_of_float32s_squares_are_standardised_all_the_same(unit):
    image = torch.tensor([0.0, 1, 2, 3, 0, 0, 0, 0]).reshape(1, 2, 2, 2)
    result = _normalised((image.double() * unit).float(), lower=0, upper=100).flatten()
    torch.testing.assert_close(result.as_tensor()[:4], torch.tensor([0, -1.2247, 0, 1.2247]), atol=1e-3, rtol=0)

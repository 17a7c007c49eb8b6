# SPDX-License-Identifier: Apache-2.0
"""Separable smoothing and the random fields of a simulated subject."""

import pytest
import torch
from scripts.simulation.smooth_fields import Draws, gaussian_matrix, separable


def test_separable_multiplies_each_axis_by_its_own_matrix():
    volume = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    x, y, z = torch.rand(6, 3), torch.rand(2, 4, 4), torch.rand(2, 5)  # one for both channels, one each, one for both
    expected = torch.einsum("ia,cjb,kd,cabd->cijk", x, y, z, volume)
    torch.testing.assert_close(separable(volume, (x, y, z)), expected)


def test_zero_sigma_is_identity_and_any_other_keeps_a_constant():
    torch.testing.assert_close(gaussian_matrix(5, torch.tensor(0.0)), torch.eye(5))
    torch.testing.assert_close(gaussian_matrix(9, torch.tensor([0.5, 2.0])).sum(-1), torch.ones(2, 9))


def test_shift_looks_beside_the_voxel():
    ramp = torch.arange(20.0)
    moved = gaussian_matrix(20, torch.tensor(0.5), torch.tensor(0.25)) @ ramp
    # the voxel looks where `distance` is 0: position + 0.25
    torch.testing.assert_close(moved[5:15], ramp[5:15] + 0.25, atol=0.03, rtol=0)


@pytest.mark.parametrize("spacing, length", [(2.0, 6.0), (1.0, 6.0), (2.0, 0.5)])
def test_field_has_variance_one_and_the_stated_correlation(spacing, length):
    draws = Draws(0, (32, 32, 32), spacing, torch.device("cpu"))
    field = draws.field(200, length)
    assert field.mean().abs() < 0.1
    assert field.square().mean() == pytest.approx(1, abs=0.1)
    if length > 1:
        step = int(length / spacing)
        # two Gaussian kernels of width L whose centres are L apart overlap by exp(-L^2 / (4 L^2)) = 0.779
        assert (field[:, step:] * field[:, :-step]).mean() == pytest.approx(0.779, abs=0.1)


def test_mixed_fields_correlate_as_the_matrix_says():
    draws = Draws(0, (32, 32, 32), 2.0, torch.device("cpu"))
    first, second = draws.field(2, 3.0, torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    assert (first * second).mean() == pytest.approx(0.6, abs=0.1)  # 1 * 0.6 + 0 * 0.8


def test_same_seed_same_numbers():
    pair = [Draws(7, (8, 8, 8), 2.0, torch.device("cpu")) for _ in range(2)]
    assert pair[0].normal().item() == pair[1].normal().item()
    assert torch.equal(pair[0].field(1, 5.0), pair[1].field(1, 5.0))


def test_normal_numbers_are_limited():
    assert Draws(0, (4, 4, 4), 2.0, torch.device("cpu")).normal(10_000).abs().max() == 2.5

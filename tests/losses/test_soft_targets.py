# SPDX-License-Identifier: Apache-2.0
"""Soft targets: the divergence by hand and at extremes, the weights, and whom it teaches."""

import math

import pytest
import torch
from scripts.losses.output import Output
from scripts.losses.soft_targets import SoftTargets, bernoulli_kl, voxel_weights

# p = .75 against .5: .75 ln(.75 / .5) + .25 ln(.25 / .5) = .3041 - .1733 = .1308
THREE_QUARTERS_AGAINST_HALF = 0.130812


def _logits(value, size=2, batch=1):
    return torch.full((batch, 3, size, size, size), value, requires_grad=True)


def _label(size=2):
    return torch.zeros(1, 3, size, size, size)


def _one_voxel_tumour(size=5):
    label = _label(size)
    label[0, 1, size // 2, size // 2, size // 2] = 1
    return label


def test_divergence_by_hand():
    kl = bernoulli_kl(torch.tensor(math.log(3)), torch.tensor(0.0))
    assert kl.item() == pytest.approx(THREE_QUARTERS_AGAINST_HALF, abs=1e-6)


@pytest.mark.parametrize("magnitude", [80.0, 1e4, 1e30])
def test_divergence_of_extreme_logits_is_finite_with_gradient(magnitude):
    teacher = torch.tensor([magnitude, -magnitude, magnitude, 0.0], requires_grad=True)
    student = torch.tensor([-magnitude, magnitude, magnitude, -magnitude], requires_grad=True)
    kl = bernoulli_kl(teacher, student)
    kl.sum().backward()
    # a certain teacher against the opposite: -ln p of the student = magnitude; agreement: 0
    torch.testing.assert_close(kl[:3].detach(), torch.tensor([magnitude, magnitude, 0.0]))
    # p = .5 against a certain no: .5 ln .5 + .5 magnitude + .5 ln .5
    assert kl[3].item() == pytest.approx(magnitude / 2 - math.log(2), rel=1e-6)
    assert teacher.grad.isfinite().all() and student.grad.isfinite().all()


def test_divergence_agrees_with_torch_in_double_precision():
    teacher, student = 3 * torch.randn(100), 3 * torch.randn(100)
    p, q = (torch.distributions.Bernoulli(logits=logits.double()) for logits in (teacher, student))
    expected = torch.distributions.kl_divergence(p, q).float()
    torch.testing.assert_close(bernoulli_kl(teacher, student), expected, atol=1e-6, rtol=1e-5)


def test_loss_by_hand():
    # logits 2 ln 3 and 0 at temperature 2 give .75 and .5; 2^2 * 3 regions * .1308 = 1.5697
    loss = SoftTargets(2.0)(Output([_logits(2 * math.log(3))]), Output([_logits(0.0)]), _label())
    assert loss.item() == pytest.approx(12 * THREE_QUARTERS_AGAINST_HALF, abs=1e-5)


def test_squared_temperature_keeps_the_scale():
    # for large tau the divergence is (difference / tau)^2 / 8, so tau^2 times it is 1 / 8 in each of 3 regions
    loss = SoftTargets(100.0)(Output([_logits(1.0)]), Output([_logits(0.0)]), _label())
    assert loss.item() == pytest.approx(3 / 8, rel=5e-3)


def test_identical_logits_give_zero():
    logits = 5 * torch.randn(1, 3, 4, 4, 4)
    assert SoftTargets()(Output([logits]), Output([logits]), _label(4)).item() == 0


def test_value_does_not_depend_on_patch_or_batch_size():
    small = SoftTargets()(Output([_logits(1.0)]), Output([_logits(0.0)]), _label())
    large = SoftTargets()(Output([_logits(1.0, 4, 3)]), Output([_logits(0.0, 4, 3)]), _label(4))
    torch.testing.assert_close(small, large)


def test_foreground_takes_its_share_of_the_weight():
    # one voxel of 125, dilated to 27: .5 of the weight there, 27 w = 62.5; elsewhere 98 w = 62.5
    weights = voxel_weights(_one_voxel_tumour(), 0.5)
    near = weights[0, 0, 1:4, 1:4, 1:4]
    torch.testing.assert_close(near, torch.full_like(near, 62.5 / 27))
    assert weights[0, 0, 0, 0, 0].item() == pytest.approx(62.5 / 98)
    assert weights.mean().item() == pytest.approx(1)


def test_all_of_the_weight_can_lie_on_the_foreground():
    weights = voxel_weights(_one_voxel_tumour(), 1.0)
    assert weights[0, 0, 2, 2, 2].item() == pytest.approx(125 / 27) and weights[0, 0, 0, 0, 0] == 0


@pytest.mark.parametrize("label, foreground", [(torch.zeros(1, 3, 4, 4, 4), 0.5), (torch.ones(1, 3, 4, 4, 4), 0.5)])
def test_one_kind_of_voxel_weighs_evenly(label, foreground):
    assert (voxel_weights(label, foreground) == 1).all()


def test_weighted_loss_by_hand():
    # teacher and student differ at the corner only, whose weight is 62.5 / 98: / 125 voxels
    teacher, student = torch.zeros(1, 3, 5, 5, 5), torch.zeros(1, 3, 5, 5, 5)
    teacher[0, 0, 0, 0, 0] = math.log(3)
    loss = SoftTargets(1.0, foreground=0.5)(Output([teacher]), Output([student]), _one_voxel_tumour())
    assert loss.item() == pytest.approx(THREE_QUARTERS_AGAINST_HALF * 62.5 / 98 / 125, rel=1e-4)


@pytest.mark.parametrize("foreground", [None, 0.5])
def test_empty_region_is_finite_with_gradient(foreground):
    student = _logits(0.0)
    SoftTargets(foreground=foreground)(Output([_logits(1.0)]), Output([student]), _label()).backward()
    assert student.grad.isfinite().all() and student.grad.abs().sum() > 0


def test_gradient_reaches_the_student_only():
    teacher, student = _logits(1.0), _logits(0.0)
    SoftTargets()(Output([teacher]), Output([student]), _label()).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


def test_bfloat16_logits_are_compared_in_float32():
    # 1.09375 is exact in bfloat16
    coarse = SoftTargets()(Output([_logits(1.09375).bfloat16()]), Output([_logits(0.0).bfloat16()]), _label())
    fine = SoftTargets()(Output([_logits(1.09375)]), Output([_logits(0.0)]), _label())
    assert coarse.dtype == torch.float32 and coarse.item() == fine.item()


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        SoftTargets(0)
    for foreground in (0, 1.5):
        with pytest.raises(ValueError, match=f"foreground is {foreground}"):
            SoftTargets(foreground=foreground)

# SPDX-License-Identifier: Apache-2.0
"""Mutual distillation: both directions by hand, and each network taught by the other only."""

import math

import pytest
import torch
from scripts.losses.mutual import MutualKL
from scripts.losses.output import Output

LABEL = torch.zeros(1, 3, 2, 2, 2)


def _logits(value, size=2):
    return torch.full((1, 3, size, size, size), value, requires_grad=True)


def test_both_directions_by_hand():
    # logits 2 ln 3 and 0 at temperature 2: p = .75, q = .5
    # KL(p || q) + KL(q || p) = (p - q)(logit p - logit q) = .25 ln 3 = .2747; 2^2 * 3 regions * .2747 = 3.2958
    loss = MutualKL(2.0)(Output([_logits(2 * math.log(3))]), Output([_logits(0.0)]), LABEL)
    assert loss.item() == pytest.approx(12 * 0.25 * math.log(3), abs=1e-5)


def test_each_network_learns_from_the_other_only():
    # d KL(sg p || q) / d logit q = q - p; per element 2^2 / 2 (inner derivative) / 8 voxels * (+-.25) = +-.0625
    # without the stop-gradients each would also get the derivative of the other direction
    teacher, student = _logits(2 * math.log(3)), _logits(0.0)
    MutualKL(2.0)(Output([teacher]), Output([student]), LABEL).backward()
    torch.testing.assert_close(student.grad, torch.full_like(student, -0.0625))
    torch.testing.assert_close(teacher.grad, torch.full_like(teacher, 0.0625))


def test_roles_can_be_swapped():
    a, b = torch.randn(1, 3, 2, 2, 2), torch.randn(1, 3, 2, 2, 2)
    loss = MutualKL()
    torch.testing.assert_close(loss(Output([a]), Output([b]), LABEL), loss(Output([b]), Output([a]), LABEL))


def test_a_frozen_teacher_still_teaches():
    student = _logits(0.0)
    MutualKL()(Output([torch.ones(1, 3, 2, 2, 2)]), Output([student]), LABEL).backward()
    assert (student.grad < 0).all()


def test_identical_logits_give_zero():
    logits = 5 * torch.randn(1, 3, 2, 2, 2)
    assert MutualKL()(Output([logits]), Output([logits]), LABEL).item() == 0


def test_value_does_not_depend_on_patch_size():
    small = MutualKL()(Output([_logits(1.0)]), Output([_logits(0.0)]), LABEL)
    torch.testing.assert_close(small, MutualKL()(Output([_logits(1.0, 4)]), Output([_logits(0.0, 4)]), LABEL))


def test_extreme_logits_are_finite_with_gradient():
    teacher, student = _logits(80.0), _logits(-80.0)
    loss = MutualKL(1.0)(Output([teacher]), Output([student]), LABEL)
    loss.backward()
    # each is certain of the opposite: 80 nats in both directions and 3 regions
    assert loss.item() == pytest.approx(480)
    assert teacher.grad.isfinite().all() and student.grad.isfinite().all()


def test_bfloat16_logits_are_compared_in_float32():
    coarse = MutualKL()(Output([_logits(1.09375).bfloat16()]), Output([_logits(0.0).bfloat16()]), LABEL)
    assert coarse.dtype == torch.float32
    assert coarse.item() == MutualKL()(Output([_logits(1.09375)]), Output([_logits(0.0)]), LABEL).item()


def test_impossible_temperature_is_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        MutualKL(0)

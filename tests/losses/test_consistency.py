# SPDX-License-Identifier: Apache-2.0
"""ACN's consistency: by hand, at its optimum, and pulling both networks."""

import math

import pytest
import torch
from scripts.losses.consistency import Consistency
from scripts.losses.output import Output

LABEL = torch.zeros(1, 3, 2, 2, 2)


def _logits(value, size=2, batch=1):
    return torch.full((batch, 3, size, size, size), value, requires_grad=True)


@pytest.mark.parametrize("size, batch", [(1, 1), (2, 1), (3, 2)])
def test_squared_difference_by_hand_whatever_the_number_of_voxels(size, batch):
    # probabilities .75 and .5: 3 regions * .25^2 = .1875
    loss = Consistency()(Output([_logits(math.log(3), size, batch)]), Output([_logits(0.0, size, batch)]), LABEL)
    assert loss.item() == pytest.approx(0.1875, abs=1e-6)


def test_identical_logits_give_zero():
    logits = torch.randn(1, 3, 2, 2, 2)
    assert Consistency()(Output([logits]), Output([logits]), LABEL).item() == 0


def test_both_networks_are_pulled_with_equal_force_when_both_are_unsure():
    teacher, student = _logits(0.5), _logits(-0.5)
    Consistency()(Output([teacher]), Output([student]), LABEL).backward()
    torch.testing.assert_close(teacher.grad, -student.grad)
    assert (teacher.grad > 0).all()


def test_extreme_logits_are_finite_with_gradient():
    teacher, student = _logits(80.0), _logits(-80.0)
    loss = Consistency()(Output([teacher]), Output([student]), LABEL)
    loss.backward()
    # certain of the opposite: 1 in each of 3 regions, the most there is
    assert loss.item() == pytest.approx(3)
    assert teacher.grad.isfinite().all() and student.grad.isfinite().all()


def test_bfloat16_logits_are_compared_in_float32():
    coarse = Consistency()(Output([_logits(1.09375).bfloat16()]), Output([_logits(0.0).bfloat16()]), LABEL)
    assert coarse.dtype == torch.float32
    assert coarse.item() == Consistency()(Output([_logits(1.09375)]), Output([_logits(0.0)]), LABEL).item()

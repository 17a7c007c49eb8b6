# SPDX-License-Identifier: Apache-2.0
"""PMKL's masked targets: the mask and the mean by hand, and silence where the teacher has nothing to teach."""

import math

import pytest
import torch
from scripts.losses.masked_targets import MaskedTargets
from scripts.losses.output import Output

LN3 = math.log(3)  # the logit of .75


def _volume(*values):
    """Values along x in the first region; the other regions are 0."""
    volume = torch.zeros(1, 3, len(values), 1, 1)
    volume[0, 0, :, 0, 0] = torch.tensor(values)
    return volume


def _loss(teacher, student, label, temperature=1.0):
    # in the two other regions teacher and student are equally unsure, so the mask is 0 there
    return MaskedTargets(temperature)(Output([teacher]), Output([student]), label)


def test_weighted_mean_by_hand():
    # voxel 1, label 1, teacher .75, student .5: m = ln 2 - ln 4/3 = ln 1.5 = .4055, CE(.75, .5) = ln 2 = .6931
    # voxel 2, label 0, teacher .25, student .75: m = ln 4 - ln 4/3 = ln 3 = 1.0986
    #   CE(.25, .75) = -.25 ln .75 - .75 ln .25 = .0719 + 1.0397 = 1.1116
    # (.4055 * .6931 + 1.0986 * 1.1116) / (.4055 + 1.0986) = 1.5023 / 1.5041 = .9988
    loss = _loss(_volume(LN3, -LN3), _volume(0.0, LN3), _volume(1.0, 0.0))
    assert loss.item() == pytest.approx(0.99882, abs=1e-4)


def test_there_is_no_squared_temperature():
    # at temperature 2 the softened teacher is .75 and the student .5: ln 2, whatever m is
    assert _loss(_volume(2 * LN3), _volume(0.0), _volume(1.0), 2.0).item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize(
    "teacher, student, label",
    [
        (LN3, 2 * LN3, 1.0),  # right, but the student is better
        (-LN3, -2 * LN3, 1.0),  # better than the student, but wrong
        (LN3, LN3, 1.0),  # equal
    ],
)
def test_a_teacher_with_no_advantage_teaches_nothing(teacher, student, label):
    logits = _volume(student).requires_grad_()
    loss = _loss(_volume(teacher), logits, _volume(label))
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()


def test_a_voxel_with_no_advantage_does_not_dilute_the_mean():
    alone = _loss(_volume(LN3), _volume(0.0), _volume(1.0))
    torch.testing.assert_close(_loss(_volume(LN3, -LN3), _volume(0.0, -2 * LN3), _volume(1.0, 1.0)), alone)


def test_gradient_by_hand_and_through_the_student_only():
    # one voxel in the mask, its weight 1: (student - teacher) / tau = .5 - .75; the mask itself passes no gradient
    teacher, student = _volume(LN3).requires_grad_(), _volume(0.0).requires_grad_()
    _loss(teacher, student, _volume(1.0)).backward()
    torch.testing.assert_close(student.grad, _volume(-0.25))
    assert teacher.grad is None


def test_minimum_is_the_entropy_of_the_teacher():
    # just below the teacher the mask is still open: -.75 ln .75 - .25 ln .25 = .5623
    loss = _loss(_volume(LN3), _volume(LN3 - 1e-2), _volume(1.0))
    assert loss.item() == pytest.approx(0.562335, abs=1e-4)
    assert loss < _loss(_volume(LN3), _volume(LN3 - 0.5), _volume(1.0))


def test_empty_regions_are_finite_with_gradient():
    teacher, student = torch.full((1, 3, 2, 2, 2), -2.0), torch.zeros(1, 3, 2, 2, 2, requires_grad=True)
    loss = _loss(teacher, student, torch.zeros(1, 3, 2, 2, 2))
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all() and student.grad.abs().sum() > 0


def test_extreme_logits_are_finite_with_gradient():
    student = _volume(-80.0, 80.0, -80.0).requires_grad_()
    loss = _loss(_volume(80.0, -80.0, -80.0), student, _volume(1.0, 0.0, 1.0))
    loss.backward()
    # both open voxels: a certain teacher against a student of e^-80
    assert loss.item() == pytest.approx(80) and student.grad.isfinite().all()


def test_bfloat16_logits_are_compared_in_float32():
    teacher, student, label = _volume(1.09375, -2.0), _volume(0.0, 1.0), _volume(1.0, 0.0)
    coarse = _loss(teacher.bfloat16(), student.bfloat16(), label)
    assert coarse.dtype == torch.float32 and coarse.item() == _loss(teacher, student, label).item()


def test_impossible_temperature_is_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        MaskedTargets(0)

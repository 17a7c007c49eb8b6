# SPDX-License-Identifier: Apache-2.0
"""Projected cosine: by hand, what gets gradients, and why a constant student cannot win."""

import pytest
import torch
from scripts.losses.output import Output
from scripts.losses.projected_cosine import ProjectedCosine

LABEL = torch.zeros(1, 3, 4, 4, 4)


def _decorrelated():
    """Two channels over 2 x 2 x 2 voxels that are +-1 and orthogonal, with mean 0: x-position and y-position."""
    x = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1).expand(2, 2, 2)
    y = torch.tensor([-1.0, 1.0]).reshape(1, 2, 1).expand(2, 2, 2)
    return torch.stack([x, y])[None]


def _identity(channels=2):
    loss = ProjectedCosine(channels)
    with torch.no_grad():
        loss.projector.weight.copy_(torch.eye(channels).reshape(channels, channels, 1, 1, 1))
    return loss


def _value(loss, teacher, student, label=LABEL):
    return loss(Output([], {"bottleneck": teacher}), Output([], {"bottleneck": student}), label)


def test_equal_opposite_and_swapped_features_by_hand():
    # cosines 1 and -1 everywhere; swapped: (x y + y x) / 2 = x y, whose mean over the four signs is 0
    features = _decorrelated()
    values = [_value(_identity(), features, student).item() for student in (features, -features, features.flip(1))]
    assert values == pytest.approx([0, 2, 1], abs=1e-5)


def test_scale_and_shift_of_the_teacher_and_scale_of_the_student_do_not_matter():
    features = _decorrelated()
    assert _value(_identity(), 7 * features + 3, 5 * features).item() == pytest.approx(0, abs=1e-5)


def test_a_constant_student_gains_nothing():
    # cosines of one vector with (+-1, +-1) cancel: 1; with unstandardised targets near their mean it would win
    student = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2)
    assert _value(_identity(), _decorrelated() + 100, student).item() == pytest.approx(1, abs=1e-5)


def test_half_of_the_weight_lies_on_the_foreground():
    # of 8 voxels the tumour is voxel 0, dilated to 0 and 1: 1/4 each; the six others 1/12 each; the weighted mean is 0
    # the student agrees on the foreground and contradicts elsewhere: 1/2 * 0 + 1/2 * 2 = 1, not 6/8 * 2 = 1.5
    teacher = torch.tensor([1.0, -1.0] * 4).reshape(1, 1, 8, 1, 1)
    student, label = -teacher, torch.zeros(1, 3, 8, 1, 1)
    student[0, 0, :2] = teacher[0, 0, :2]
    label[0, 1, 0] = 1
    assert _value(_identity(1), teacher, student, label).item() == pytest.approx(1, abs=1e-5)


def test_student_and_projector_get_gradients_and_the_teacher_none():
    loss = ProjectedCosine(3, teacher_channels=5)
    teacher, student = torch.randn(1, 5, 2, 2, 2, requires_grad=True), torch.randn(1, 3, 2, 2, 2, requires_grad=True)
    _value(loss, teacher, student).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0
    assert loss.projector.weight.shape[:2] == (5, 3) and loss.projector.weight.grad.abs().sum() > 0


def test_training_finds_the_linear_map():
    # the teacher is a rotation of the student: the projector alone can reach 0
    torch.manual_seed(0)
    student = torch.randn(2, 4, 4, 4, 4)
    rotation = torch.linalg.qr(torch.randn(4, 4))[0]
    teacher = torch.einsum("dc,bcxyz->bdxyz", rotation, student - student.mean((0, 2, 3, 4), keepdim=True))
    loss, label = ProjectedCosine(4), torch.zeros(2, 3, 8, 8, 8)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.03)
    first = _value(loss, teacher, student, label).item()
    for _ in range(150):
        optimiser.zero_grad()
        value = _value(loss, teacher, student, label)
        value.backward()
        optimiser.step()
    assert first > 0.5 and value.item() < 0.02


def test_order_of_the_batch_does_not_matter():
    loss, a, b = ProjectedCosine(2), torch.randn(3, 2, 2, 2, 2), torch.randn(3, 2, 2, 2, 2)
    label = (torch.rand(3, 3, 4, 4, 4) > 0.9).float()
    torch.testing.assert_close(_value(loss, a, b, label), _value(loss, a.flip(0), b.flip(0), label.flip(0)))


@pytest.mark.parametrize("scale", [0.0, 80.0, 1e10])
def test_dead_and_extreme_features_are_finite_with_gradient(scale):
    loss, student = ProjectedCosine(2), (scale * torch.randn(1, 2, 2, 2, 2)).requires_grad_()
    value = _value(loss, scale * torch.ones(1, 2, 2, 2, 2), student)
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all() and loss.projector.weight.grad.isfinite().all()


def test_bfloat16_features_are_compared_in_float32():
    loss, teacher, student = ProjectedCosine(2), *(torch.randn(1, 2, 2, 2, 2).bfloat16() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = _value(loss, teacher, student)
    assert coarse.dtype == torch.float32 and coarse.item() == _value(loss, teacher.float(), student.float()).item()


def test_impossible_channels_and_different_grids_are_refused():
    with pytest.raises(ValueError, match="channels is 0"):
        ProjectedCosine(0)
    with pytest.raises(ValueError, match=r"\(2, 2, 2\).*\(1, 1, 1\)"):
        _value(ProjectedCosine(2), torch.zeros(1, 2, 2, 2, 2), torch.zeros(1, 2, 1, 1, 1))

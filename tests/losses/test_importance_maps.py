# SPDX-License-Identifier: Apache-2.0
"""EMKD's importance maps: the map and the distance by hand, other channels and grids, and no overflow."""

import math

import pytest
import torch
from scripts.losses.importance_maps import ImportanceMaps, importance_map
from scripts.losses.output import Output

LABEL = torch.zeros(1, 3, 2, 2, 2)


def _along_x(*voxels):
    """Features (1, C, x, 1, 1) from one list of channels a voxel."""
    return torch.tensor(voxels).T.reshape(1, len(voxels[0]), len(voxels), 1, 1)


def _loss(teacher, student):
    loss = ImportanceMaps(["bottleneck"])
    return loss(Output([], {"bottleneck": teacher}), Output([], {"bottleneck": student}), LABEL)


def test_map_by_hand():
    # voxel 1: (1^4 + 1^4) / 2 = 1; voxel 2: (4 + 0) / 2 = 2; divided by sqrt(1 + 4)
    features = _along_x([1.0, -1.0], [math.sqrt(2), 0.0])
    torch.testing.assert_close(importance_map(features), torch.tensor([[1.0, 2.0]]) / math.sqrt(5))


def test_distance_by_hand():
    # maps (1, 0) and (1, 1) / sqrt 2: (1 - .7071)^2 + .7071^2 = 2 - sqrt 2
    assert _loss(_along_x([1.0], [0.0]), _along_x([1.0], [1.0])).item() == pytest.approx(2 - math.sqrt(2), abs=1e-6)


def test_maps_that_share_no_voxel_are_furthest_apart():
    assert _loss(_along_x([3.0], [0.0]), _along_x([0.0], [5.0])).item() == pytest.approx(2, abs=1e-6)


def test_taps_add_up_and_cases_are_averaged():
    teacher, student = _along_x([1.0], [0.0]).repeat(2, 1, 1, 1, 1), _along_x([1.0], [0.0]).repeat(2, 1, 1, 1, 1)
    student[1, 0, :, 0, 0] = torch.tensor([0.0, 1.0])
    # distances 0 and 2 in the two cases: mean 1, at both taps
    both = [Output([], {"input_block": features, "bottleneck": features}) for features in (teacher, student)]
    assert ImportanceMaps()(*both, LABEL).item() == pytest.approx(2, abs=1e-6)


def test_identical_features_give_zero():
    features = torch.randn(2, 4, 3, 3, 3)
    assert _loss(features, features).item() == 0


def test_scale_sign_and_order_of_channels_do_not_matter():
    features = torch.randn(1, 4, 3, 3, 3)
    assert _loss(features, -7 * features.flip(1)).item() == pytest.approx(0, abs=1e-6)


def test_networks_may_differ_in_channels():
    features = torch.randn(1, 4, 3, 3, 3)
    assert _loss(features, features.repeat(1, 2, 1, 1, 1)).item() == pytest.approx(0, abs=1e-6)


def test_a_coarser_student_is_brought_to_the_grid_of_the_teacher():
    # one voxel becomes two equal ones, (1, 1) / sqrt 2, against (1, 0)
    assert _loss(_along_x([1.0], [0.0]), _along_x([4.0])).item() == pytest.approx(2 - math.sqrt(2), abs=1e-6)


def test_gradient_reaches_the_student_only():
    teacher, student = (torch.randn(1, 4, 2, 2, 2, requires_grad=True) for _ in range(2))
    _loss(teacher, student).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


def test_gradient_is_right_although_the_scale_is_divided_out():
    teacher, student = torch.rand(1, 2, 2, 1, 1).double(), torch.rand(1, 2, 2, 1, 1).double().requires_grad_()
    target = importance_map(teacher)
    assert torch.autograd.gradcheck(lambda features: (importance_map(features) - target).square().sum(), student)


@pytest.mark.parametrize("scale", [0.0, 1e-10, 80.0, 1e10])
def test_dead_faint_and_extreme_features_are_finite_with_gradient(scale):
    student = (scale * torch.randn(1, 4, 2, 2, 2)).requires_grad_()
    loss = _loss(scale * torch.randn(1, 4, 2, 2, 2), student)
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


def test_bfloat16_features_are_compared_in_float32():
    teacher, student = (torch.randn(1, 4, 2, 2, 2).bfloat16() for _ in range(2))
    coarse = _loss(teacher, student)
    assert coarse.dtype == torch.float32 and coarse.item() == _loss(teacher.float(), student.float()).item()


def test_no_tap_is_refused():
    with pytest.raises(ValueError, match="at least one module path"):
        ImportanceMaps([])

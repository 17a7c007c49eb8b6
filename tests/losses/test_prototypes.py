# SPDX-License-Identifier: Apache-2.0
"""ProtoKD's similarity maps: by hand, per case, and with regions that are not there."""

import pytest
import torch
from scripts.losses.output import Output
from scripts.losses.prototypes import Prototypes, similarity_maps
from scripts.losses.shared import region_means
from torch.nn import functional

BACKGROUND, ENHANCING = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # tc, wt, et


def _along_x(*voxels):
    """(1, C, x, 1, 1) from one list of channels a voxel."""
    return torch.tensor(voxels).T.reshape(1, len(voxels[0]), len(voxels), 1, 1)


def _loss(teacher, student, label):
    loss = Prototypes("bottleneck")
    return loss(Output([], {"bottleneck": teacher}), Output([], {"bottleneck": student}), label)


ORTHOGONAL = _along_x([1.0, 0.0], [0.0, 1.0])
OBLIQUE = _along_x([1.0, 0.0], [1.0, 1.0])
TWO_REGIONS = _along_x(BACKGROUND, ENHANCING)


def test_maps_are_cosines_with_the_prototypes():
    features, label = torch.randn(2, 5, 3, 3, 3), (torch.rand(2, 1, 6, 6, 6) > 0.5).float().repeat(1, 3, 1, 1, 1)
    maps, present = similarity_maps(features, label)
    prototypes, _ = region_means(features, label)
    expected = functional.cosine_similarity(features.flatten(2)[:, None], prototypes[..., None], dim=2)
    assert maps.shape == (2, 4, 27) and present.tolist() == [[True, False, False, True]] * 2
    torch.testing.assert_close(maps, expected)


def test_squared_difference_by_hand():
    # each region has one voxel, its prototype; teacher's maps: identity; student's: 1, .7071, .7071, 1
    # two of the four entries (2 classes, 2 voxels) differ, by .5 squared: 1 / 4
    assert _loss(ORTHOGONAL, OBLIQUE, TWO_REGIONS).item() == pytest.approx(0.25, abs=1e-6)


def test_prototype_is_the_mean_of_its_region():
    # one region, voxels (1, 0) and (0, 1): prototype (.5, .5), cosine .7071 with both; student's voxels are equal: 1
    # (1 - .7071)^2 = .0858
    loss = _loss(ORTHOGONAL, _along_x([2.0, 0.0], [2.0, 0.0]), torch.zeros(1, 3, 2, 1, 1))
    assert loss.item() == pytest.approx(0.085786, abs=1e-5)


def test_identical_features_give_zero():
    features = torch.randn(1, 4, 2, 1, 1)
    assert _loss(features, features, TWO_REGIONS).item() == 0


def test_classes_are_those_of_each_case():
    # the second case is all background and identical: (.25 + 0) / 2; ProtoKD would drop the enhancing class in both
    label = torch.cat([TWO_REGIONS, torch.zeros(1, 3, 2, 1, 1)])
    loss = _loss(torch.cat([ORTHOGONAL, ORTHOGONAL]), torch.cat([OBLIQUE, ORTHOGONAL]), label)
    assert loss.item() == pytest.approx(0.125, abs=1e-6)


def test_networks_may_differ_in_channels():
    student = torch.cat([OBLIQUE, torch.zeros(1, 1, 2, 1, 1)], dim=1)
    assert _loss(ORTHOGONAL, student, TWO_REGIONS).item() == pytest.approx(0.25, abs=1e-6)


def test_gradient_reaches_the_student_only():
    teacher, student = (torch.randn(1, 4, 2, 1, 1, requires_grad=True) for _ in range(2))
    _loss(teacher, student, TWO_REGIONS).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


@pytest.mark.parametrize("scale", [0.0, 80.0, 1e10])
def test_dead_and_extreme_features_and_absent_regions_are_finite_with_gradient(scale):
    student = (scale * OBLIQUE).requires_grad_()
    loss = _loss(ORTHOGONAL, student, torch.zeros(1, 3, 2, 1, 1))
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


def test_bfloat16_features_are_compared_in_float32():
    teacher, student = (torch.randn(1, 4, 2, 1, 1).bfloat16() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = _loss(teacher, student, TWO_REGIONS)
    assert coarse.dtype == torch.float32
    assert coarse.item() == _loss(teacher.float(), student.float(), TWO_REGIONS).item()


def test_different_grids_are_refused():
    with pytest.raises(ValueError, match=r"'bottleneck'.*\(2, 1, 1\).*\(4, 1, 1\)"):
        _loss(ORTHOGONAL, OBLIQUE.repeat_interleave(2, dim=2), TWO_REGIONS)

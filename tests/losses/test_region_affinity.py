# SPDX-License-Identifier: Apache-2.0
"""EMKD's region affinity: pairs by hand, absent regions, other channels, and no pair at all."""

import pytest
import torch
from scripts.losses.output import Output
from scripts.losses.region_affinity import RegionAffinity

BACKGROUND, OEDEMA, ENHANCING = (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0)  # tc, wt, et


def _along_x(*voxels):
    """(1, C, x, 1, 1) from one list of channels a voxel."""
    return torch.tensor(voxels).T.reshape(1, len(voxels[0]), len(voxels), 1, 1)


def _loss(teacher, student, label):
    loss = RegionAffinity(["bottleneck"])
    return loss(Output([], {"bottleneck": teacher}), Output([], {"bottleneck": student}), label)


ORTHOGONAL = _along_x([1.0, 0.0], [0.0, 1.0])
OBLIQUE = _along_x([1.0, 0.0], [1.0, 1.0])
TWO_REGIONS = _along_x(BACKGROUND, ENHANCING)


def test_one_pair_by_hand():
    # teacher: cosine 0; student: cosine of (1, 0) and (1, 1) = .7071; squared difference .5
    assert _loss(ORTHOGONAL, OBLIQUE, TWO_REGIONS).item() == pytest.approx(0.5, abs=1e-6)


def test_three_pairs_by_hand():
    # background, oedema, enhancing; teacher (1, 0), (1, 0), (0, 1): cosines 1, 0, 0
    # student (1, 0), (0, 1), (1, 1): cosines 0, .7071, .7071; (1 + .5 + .5) / 3 pairs
    teacher, student = _along_x([1.0, 0], [1, 0], [0, 1]), _along_x([1.0, 0], [0, 1], [1, 1])
    loss = _loss(teacher, student, _along_x(BACKGROUND, OEDEMA, ENHANCING))
    assert loss.item() == pytest.approx(2 / 3, abs=1e-6)


def test_identical_features_give_zero():
    features = torch.randn(1, 4, 2, 1, 1)
    assert _loss(features, features, TWO_REGIONS).item() == 0


def test_networks_may_differ_in_channels():
    # the third channel says nothing: the cosines are those of the first two
    student = torch.cat([OBLIQUE, torch.zeros(1, 1, 2, 1, 1)], dim=1)
    assert _loss(ORTHOGONAL, student, TWO_REGIONS).item() == pytest.approx(0.5, abs=1e-6)


def test_networks_may_differ_in_grid():
    # the student sees every voxel twice
    student = OBLIQUE.repeat_interleave(2, dim=2)
    label = TWO_REGIONS.repeat_interleave(2, dim=2)
    assert _loss(ORTHOGONAL, student, label).item() == pytest.approx(0.5, abs=1e-6)


def test_a_region_lost_at_the_scale_of_the_features_is_skipped():
    # of 6 voxels the nearest to 2 are 1 and 4: oedema at 0 is lost, the pair of background and enhancing stays
    label = _along_x(OEDEMA, BACKGROUND, BACKGROUND, ENHANCING, ENHANCING, ENHANCING)
    assert _loss(ORTHOGONAL, OBLIQUE, label).item() == pytest.approx(0.5, abs=1e-6)


def test_a_region_seen_by_one_network_only_is_skipped():
    # as above, but the student's grid is fine enough to see the oedema, which is like the enhancing tumour to it
    label = _along_x(OEDEMA, BACKGROUND, BACKGROUND, ENHANCING, ENHANCING, ENHANCING)
    student = _along_x([1.0, 1.0], *[[1.0, 0.0]] * 2, *[[1.0, 1.0]] * 3)
    assert _loss(ORTHOGONAL, student, label).item() == pytest.approx(0.5, abs=1e-6)


def test_a_case_without_a_pair_does_not_dilute_the_mean():
    label = torch.cat([TWO_REGIONS, torch.zeros(1, 3, 2, 1, 1)])
    teacher, student = ORTHOGONAL.repeat(2, 1, 1, 1, 1), OBLIQUE.repeat(2, 1, 1, 1, 1)
    assert _loss(teacher, student, label).item() == pytest.approx(0.5, abs=1e-6)


def test_no_pair_at_all_gives_zero_with_a_finite_gradient():
    student = OBLIQUE.clone().requires_grad_()
    loss = _loss(ORTHOGONAL, student, torch.zeros(1, 3, 2, 1, 1))
    loss.backward()
    assert loss.item() == 0 and (student.grad == 0).all()


def test_taps_add_up():
    both = [Output([], {"input_block": features, "bottleneck": features}) for features in (ORTHOGONAL, OBLIQUE)]
    assert RegionAffinity()(*both, TWO_REGIONS).item() == pytest.approx(1, abs=1e-6)


def test_gradient_reaches_the_student_only():
    teacher, student = (torch.randn(1, 4, 2, 1, 1, requires_grad=True) for _ in range(2))
    _loss(teacher, student, TWO_REGIONS).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


@pytest.mark.parametrize("scale", [0.0, 80.0, 1e10])
def test_dead_and_extreme_features_are_finite_with_gradient(scale):
    student = (scale * OBLIQUE).requires_grad_()
    loss = _loss(ORTHOGONAL, student, TWO_REGIONS)
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


def test_bfloat16_features_are_compared_in_float32():
    teacher, student = (torch.randn(1, 4, 2, 1, 1).bfloat16() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = _loss(teacher, student, TWO_REGIONS)
    assert coarse.dtype == torch.float32
    assert coarse.item() == _loss(teacher.float(), student.float(), TWO_REGIONS).item()


def test_no_tap_is_refused():
    with pytest.raises(ValueError, match="at least one module path"):
        RegionAffinity([])

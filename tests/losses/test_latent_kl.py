# SPDX-License-Identifier: Apache-2.0
"""KD-Net's latent divergence: by hand, at its optimum, and what it refuses to compare."""

import math

import pytest
import torch
from scripts.losses.latent_kl import LatentKL
from scripts.losses.output import Output

LABEL = torch.zeros(1, 3, 4, 4, 4)


def _output(features):
    return Output([], {"bottleneck": features})


def _features(first, size=2, batch=1):
    """Two channels: ``first`` and 0 at every voxel."""
    features = torch.zeros(batch, 2, size, size, size)
    features[:, 0] = first
    return features


@pytest.mark.parametrize("size, batch", [(1, 1), (2, 1), (3, 2)])
def test_divergence_by_hand_whatever_the_number_of_voxels(size, batch):
    # softmax of (ln 3, 0) is (.75, .25), of (0, 0) is (.5, .5): .75 ln 1.5 + .25 ln .5 = .1308, at each voxel
    loss = LatentKL()(_output(_features(math.log(3), size, batch)), _output(_features(0, size, batch)), LABEL)
    assert loss.item() == pytest.approx(0.130812, abs=1e-6)


def test_temperature_divides_the_features():
    loss = LatentKL(temperature=2)(_output(_features(2 * math.log(3))), _output(_features(0)), LABEL)
    assert loss.item() == pytest.approx(0.130812, abs=1e-6)


def test_identical_features_give_zero():
    features = torch.randn(2, 8, 2, 2, 2)
    assert LatentKL()(_output(features), _output(features), LABEL).item() == 0


def test_a_common_shift_of_all_channels_does_not_matter():
    features = torch.randn(2, 8, 2, 2, 2)
    assert LatentKL()(_output(features), _output(features + 3), LABEL).item() == pytest.approx(0, abs=1e-6)


def test_gradient_reaches_the_student_only():
    teacher, student = (torch.randn(1, 4, 2, 2, 2, requires_grad=True) for _ in range(2))
    LatentKL()(_output(teacher), _output(student), LABEL).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


def test_extreme_features_are_finite_with_gradient():
    teacher, student = _features(80.0), _features(-80.0).requires_grad_()
    loss = LatentKL()(_output(teacher), _output(student), LABEL)
    loss.backward()
    # the teacher is certain of the first channel, to which the student gives e^-80
    assert loss.item() == pytest.approx(80) and student.grad.isfinite().all()


def test_bfloat16_features_are_compared_in_float32():
    teacher, student = _features(1.09375), _features(0.0)
    coarse = LatentKL()(_output(teacher.bfloat16()), _output(student.bfloat16()), LABEL)
    assert coarse.dtype == torch.float32
    assert coarse.item() == LatentKL()(_output(teacher), _output(student), LABEL).item()


def test_the_tap_is_the_one_asked_for():
    assert LatentKL("downsamples.1").layers == ("downsamples.1",)


def test_other_channels_and_grids_and_temperatures_are_refused():
    with pytest.raises(ValueError, match="'bottleneck'.*teacher has 8 channels and the student has 4"):
        LatentKL()(_output(torch.zeros(1, 8, 2, 2, 2)), _output(torch.zeros(1, 4, 2, 2, 2)), LABEL)
    with pytest.raises(ValueError, match=r"\(2, 2, 2\).*\(1, 1, 1\)"):
        LatentKL()(_output(torch.zeros(1, 4, 2, 2, 2)), _output(torch.zeros(1, 4, 1, 1, 1)), LABEL)
    with pytest.raises(ValueError, match="temperature is -1"):
        LatentKL(temperature=-1)

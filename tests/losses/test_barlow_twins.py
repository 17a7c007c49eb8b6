"""Barlow Twins on latent voxels: numbers by hand, gradients, the batch of one, and what MONAI's own loss gets wrong."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.barlow_twins import BarlowTwins, cross_correlation
from scripts.losses.output import Output
from scripts.losses.shared import balanced_weights, latent_foreground


def _uniform(n):
    return torch.full((n,), 1 / n)


def _loss(channels=2, **kwargs):
    return BarlowTwins(channels, **kwargs)


def _outputs(teacher, student):
    return Output([], {"bottleneck": teacher}), Output([], {"bottleneck": student})


def _decorrelated(batch=1):
    """Two channels over 2 x 2 x 2 voxels that are +-1 and orthogonal: x-position and y-position."""
    x = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1).expand(2, 2, 2)
    y = torch.tensor([-1.0, 1.0]).reshape(1, 2, 1).expand(2, 2, 2)
    return torch.stack([x, y])[None].repeat(batch, 1, 1, 1, 1)


def test_correlation_of_four_samples_by_hand():
    # a standardised: (-1, 1, -1, 1); b = (0, 2, 2, 4): mean 2, biased variance 2, standardised (-1.414, 0, 0, 1.414)
    a = torch.tensor([[0.0], [2.0], [0.0], [2.0]])
    b = torch.tensor([[0.0], [2.0], [2.0], [4.0]])
    # (1.414 + 0 + 0 + 1.414) / 4 = 0.7071
    assert cross_correlation(a, b, _uniform(4), eps=0).item() == pytest.approx(0.70711, abs=1e-4)


def test_weights_count_as_repetitions():
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    repeated = torch.tensor([0, 0, 0, 1, 2, 3, 4])
    weights = torch.tensor([3.0, 1, 1, 1, 1]) / 7
    torch.testing.assert_close(
        cross_correlation(a, b, weights), cross_correlation(a[repeated], b[repeated], _uniform(7)), atol=1e-6, rtol=1e-5
    )


def test_foreground_is_every_latent_voxel_that_holds_or_touches_tumour():
    # 16 voxels along x become 8: tumour in the first, so the second touches it; the second case has none
    label = torch.zeros(2, 3, 16, 1, 1)
    label[0, 1, 0] = 1
    assert latent_foreground(label, torch.Size([8, 1, 1])).tolist() == [True, True] + [False] * 14


def test_half_of_the_weight_lies_on_the_foreground():
    # 1 of 4 samples is foreground: it weighs 1/2, the three others 1/6 each
    weights = balanced_weights(torch.tensor([True, False, False, False]))
    torch.testing.assert_close(weights, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]))


@pytest.mark.parametrize("value", [True, False])
def test_one_kind_of_sample_weighs_evenly(value):
    torch.testing.assert_close(balanced_weights(torch.full((4,), value)), torch.full((4,), 0.25))


def test_identical_decorrelated_features_give_zero():
    features = _decorrelated()
    label = torch.zeros(1, 3, 4, 4, 4)
    # MONAI's BarlowTwinsLoss gives d / N^2 here, since it divides the unbiased deviation by N
    assert _loss()(*_outputs(features, features), label).item() == pytest.approx(0, abs=1e-8)


def test_opposite_features_by_hand():
    # C = -identity: on-diagonal 2 * (-1 - 1)^2 = 8, off-diagonal 0; divided by d = 2: 4
    features = _decorrelated()
    assert _loss()(*_outputs(features, -features), torch.zeros(1, 3, 4, 4, 4)).item() == pytest.approx(4, abs=1e-3)


def test_swapped_channels_by_hand():
    # C = [[0, 1], [1, 0]]: on-diagonal 2, off-diagonal 2 * lambda = 0.02; divided by d = 2: 1.01
    features = _decorrelated()
    loss = _loss(redundancy=0.01)(*_outputs(features, features.flip(1)), torch.zeros(1, 3, 4, 4, 4))
    assert loss.item() == pytest.approx(1.01, abs=1e-3)


def test_scale_and_shift_of_features_do_not_matter():
    features, label = torch.randn(2, 2, 4, 4, 4), torch.zeros(2, 3, 8, 8, 8)
    plain = _loss()(*_outputs(features, features), label)
    scaled = _loss()(*_outputs(features, 7 * features + 3), label)
    torch.testing.assert_close(plain, scaled, atol=1e-4, rtol=1e-4)


def test_order_of_the_batch_does_not_matter():
    loss, a, b = _loss(), torch.randn(3, 2, 2, 2, 2), torch.randn(3, 2, 2, 2, 2)
    label = (torch.rand(3, 3, 4, 4, 4) > 0.9).float()
    torch.testing.assert_close(loss(*_outputs(a, b), label), loss(*_outputs(a.flip(0), b.flip(0)), label.flip(0)))


@pytest.mark.parametrize("detach", [True, False])
def test_gradient_reaches_the_teacher_only_when_asked(detach):
    teacher, student = (torch.randn(1, 2, 2, 2, 2, requires_grad=True) for _ in range(2))
    loss = _loss(detach_teacher=detach)
    loss(*_outputs(teacher, student), torch.zeros(1, 3, 4, 4, 4)).backward()
    assert student.grad.abs().sum() > 0
    assert (teacher.grad is None) == detach


def test_batch_of_one_and_empty_region_are_finite_with_gradient():
    teacher, student = torch.randn(1, 2, 2, 2, 2), torch.randn(1, 2, 2, 2, 2, requires_grad=True)
    loss = _loss()(*_outputs(teacher, student), torch.zeros(1, 3, 4, 4, 4))
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


def test_constant_features_are_finite():
    student = torch.zeros(1, 2, 2, 2, 2, requires_grad=True)
    loss = _loss()(*_outputs(torch.ones(1, 2, 2, 2, 2), student), torch.zeros(1, 3, 4, 4, 4))
    loss.backward()
    # nothing correlates: on-diagonal 2 * 1, divided by d = 2
    assert loss.item() == pytest.approx(1) and student.grad.isfinite().all()


def test_bfloat16_features_are_computed_in_float32():
    features = _decorrelated().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = _loss()(*_outputs(features, features), torch.zeros(1, 3, 4, 4, 4))
    # autocast may round the products of +-1 nowhere: they are exact
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(0, abs=1e-4)


def test_too_few_latent_voxels_are_refused():
    features = torch.randn(1, 4, 1, 1, 2)
    with pytest.raises(UserError, match="2 latent voxels for 4 channels"):
        _loss(4)(*_outputs(features, features), torch.zeros(1, 3, 2, 2, 4))


def test_nothing_but_the_networks_can_satisfy_the_loss():
    # trained projectors brought the loss of two frozen networks close to 0 by themselves
    assert not list(_loss(4, project_dim=2).parameters())


def test_projected_channels_are_the_same_orthonormal_mixtures_in_both_networks_and_every_run():
    projection = _loss(6, project_dim=4).projection
    torch.testing.assert_close(projection.T @ projection, torch.eye(4))
    assert torch.equal(projection, _loss(6, project_dim=4).state_dict()["projection"])
    features = torch.randn(1, 6, 4, 4, 4)
    label, mixed = torch.zeros(1, 3, 8, 8, 8), torch.einsum("bcxyz,cd->bdxyz", features, projection)
    projected = _loss(6, project_dim=4)(*_outputs(features, features), label)
    torch.testing.assert_close(projected, _loss(4)(*_outputs(mixed, mixed), label))


@pytest.mark.parametrize("dim", [0, 5])
def test_more_projected_channels_than_channels_are_refused(dim):
    with pytest.raises(ValueError, match="null or 1 to 4"):
        _loss(4, project_dim=dim)


def test_networks_with_other_channels_are_refused():
    teacher, student = torch.randn(1, 4, 4, 4, 4), torch.randn(1, 2, 4, 4, 4)
    with pytest.raises(ValueError, match="4 channels, but 'bottleneck' of a network has 2"):
        _loss(4)(*_outputs(teacher, student), torch.zeros(1, 3, 8, 8, 8))

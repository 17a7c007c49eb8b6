"""The supervised loss: by hand at one and two scales, at its optimum, and whom it teaches."""

import math

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.output import Output
from scripts.losses.segmentation_loss import SegmentationLoss


def _constant(value, size):
    return torch.full((1, 3, size, size, size), value, requires_grad=True)


def test_cross_entropy_at_one_scale_by_hand():
    # every voxel is background, p = sigmoid(ln 3) = 0.75: -ln(0.25) = 1.3863
    loss = SegmentationLoss("student")(None, Output([_constant(math.log(3), 2)]), torch.zeros(1, 3, 2, 2, 2))
    assert loss.item() == pytest.approx(-math.log(0.25), abs=1e-5)


def test_scales_weigh_two_thirds_and_one_third():
    # fine scale: -ln 0.5 = .6931; coarse scale: p = .75 of background: 1.3863; (2 * .6931 + 1.3863) / 3 = .9242
    logits = [_constant(0.0, 4), _constant(math.log(3), 2)]
    loss = SegmentationLoss("student")(None, Output(logits), torch.zeros(1, 3, 4, 4, 4))
    assert loss.item() == pytest.approx((2 * math.log(2) + math.log(4)) / 3, abs=1e-5)


@pytest.mark.parametrize("kind", ["ce", "dice_ce"])
def test_perfect_prediction_gives_zero(kind):
    label = torch.zeros(1, 3, 4, 4, 4)
    label[:, :, :2] = 1
    logits = [100 * (label * 2 - 1), 100 * (label[:, :, ::2, ::2, ::2] * 2 - 1)]
    assert SegmentationLoss("teacher", kind)(Output(logits), None, label).item() == pytest.approx(0, abs=1e-5)


def test_dice_is_added_by_hand():
    # half the voxels are tumour, p = 0.5 everywhere: CE = .6931; Dice = 2 * 4 * .5 / (8 * .5 + 4) = .5, so 1 - .5
    label = torch.zeros(1, 3, 2, 2, 2)
    label[:, :, 0] = 1
    loss = SegmentationLoss("student", "dice_ce")(None, Output([_constant(0.0, 2)]), label)
    assert loss.item() == pytest.approx(math.log(2) + 0.5, abs=1e-4)


@pytest.mark.parametrize("kind", ["ce", "dice_ce"])
def test_empty_region_is_finite_with_gradient(kind):
    logits = _constant(0.0, 2)
    loss = SegmentationLoss("student", kind)(None, Output([logits]), torch.zeros(1, 3, 2, 2, 2))
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()


def test_gradient_reaches_the_named_network_only():
    teacher, student = _constant(0.0, 2), _constant(0.0, 2)
    SegmentationLoss("teacher")(Output([teacher]), Output([student]), torch.ones(1, 3, 2, 2, 2)).backward()
    assert teacher.grad.abs().sum() > 0 and student.grad is None


def test_bfloat16_logits_are_compared_in_float32():
    loss = SegmentationLoss("student")(None, Output([torch.zeros(1, 3, 2, 2, 2).bfloat16()]), torch.ones(1, 3, 2, 2, 2))
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(math.log(2), abs=1e-5)


def test_value_does_not_depend_on_patch_or_batch_size():
    small = SegmentationLoss("student")(None, Output([torch.ones(1, 3, 2, 2, 2)]), torch.ones(1, 3, 2, 2, 2))
    large = SegmentationLoss("student")(None, Output([torch.ones(3, 3, 8, 4, 4)]), torch.ones(3, 3, 8, 4, 4))
    torch.testing.assert_close(small, large)


def test_unknown_kind_and_network_are_refused():
    with pytest.raises(ValueError, match="'focal'.*one of ce, dice_ce"):
        SegmentationLoss("student", "focal")
    with pytest.raises(ValueError, match="'pupil'.*'teacher' or 'student'"):
        SegmentationLoss("pupil")


def test_teaching_an_absent_teacher_is_refused():
    with pytest.raises(ValueError, match="the run has none"):
        SegmentationLoss("teacher")(None, Output([_constant(0.0, 2)]), torch.zeros(1, 3, 2, 2, 2))


def test_confidence_weighs_voxels_and_hardens_the_label_by_hand():
    # labels .75, .5, 0 and 0 count as 1, 0, 0 and 0 with weights .5, 0, 1 and 1; p = .75 everywhere:
    # CE = (.5 ln(4/3) + 2 ln 4) / 2.5; Dice = 2 * .5 * .75 / (.75 * 2.5 + .5) = .3158
    label = torch.tensor([0.75, 0.5, 0.0, 0.0]).expand(1, 3, 1, 2, 4)
    logits = torch.full((1, 3, 1, 2, 4), math.log(3))
    cross_entropy = (0.5 * math.log(4 / 3) + 2 * math.log(4)) / 2.5
    for kind, expected in (("ce", cross_entropy), ("dice_ce", cross_entropy + 1 - 0.75 / 2.375)):
        loss = SegmentationLoss("student", kind, "confident")(None, Output([logits]), label)
        assert loss.item() == pytest.approx(expected, abs=1e-4), kind


@pytest.mark.parametrize("labels", ["soft", "confident"])
def test_labels_of_0_and_1_are_taken_as_they_are(labels):
    torch.manual_seed(0)
    label = (torch.rand(2, 3, 4, 4, 4) > 0.5).float()
    output = Output([torch.randn(2, 3, 4, 4, 4), torch.randn(2, 3, 2, 2, 2)])
    plain, other = (SegmentationLoss("student", "dice_ce", kind)(None, output, label) for kind in ("hard", labels))
    torch.testing.assert_close(other, plain)


def test_a_soft_label_is_reached_by_its_own_probability():
    # hard Dice has its minimum at a probability of 1; that for soft labels at the label
    label = torch.full((1, 3, 2, 2, 2), 0.6)
    logits = torch.logit(label).requires_grad_()
    SegmentationLoss("student", "dice_ce", "soft")(None, Output([logits]), label).backward()
    below = torch.logit(label - 0.1)
    values = [SegmentationLoss("student", "dice_ce", "soft")(None, Output([z]), label).item() for z in (logits, below)]
    assert values[0] < values[1]
    above = SegmentationLoss("student", "dice_ce", "soft")(None, Output([torch.logit(label + 0.1)]), label).item()
    assert values[0] < above


def test_other_labels_are_refused():
    with pytest.raises(UserError, match="unlabelled_labels is 'sure'"):
        SegmentationLoss("student", labels="sure")

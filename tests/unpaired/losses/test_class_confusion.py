"""Class confusion by hand, over the classes that both domains have."""

import math

import pytest
import torch
from scripts.unpaired.losses.class_confusion import ClassConfusion
from unpaired.stubs import side, step


def _constant(value, labelled=(True,)):
    one = side(value, labelled)
    one.image[:] = value
    return one


def _kl(p, q):
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def test_divergence_by_hand():
    # all background: logits 3 x / 2 are ln 3 (p = .75) in the source and 0 (p = .5) in the target
    one = step(_constant(2 * math.log(3) / 3), _constant(0.0))
    expected = 3 * 0.5 * (_kl(0.75, 0.5) + _kl(0.5, 0.75))
    assert ClassConfusion(["source", "target"])(one).item() == pytest.approx(expected, rel=1e-4)


def test_classes_that_one_side_lacks_are_left_out():
    tumour = _constant(1.0)
    tumour.label[:, 1] = 1.0  # all oedema, the other side all background
    assert ClassConfusion(["source", "target"])(step(tumour, _constant(1.0))) is None


def test_mean_is_over_the_classes_of_both():
    sides = [_constant(2 * math.log(3) / 3), _constant(0.0)]
    for each in sides:
        each.label[:, 1, :2] = 1.0  # half oedema, the same logits there
    both = ClassConfusion(["source", "target"])(step(*sides))
    one = ClassConfusion(["source", "target"])(step(_constant(2 * math.log(3) / 3), _constant(0.0)))
    torch.testing.assert_close(both, one)


def test_without_labels_on_both_sides_there_is_no_loss():
    assert ClassConfusion(["source", "target"])(step(target=_constant(1.0, (False,)))) is None
    with pytest.raises(ValueError, match="list of 2 images"):
        ClassConfusion(["source"])

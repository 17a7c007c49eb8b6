"""The hint by hand, and that it teaches the student alone."""

import pytest
from scripts.unpaired.losses.hint import Hint
from unpaired.stubs import step


def test_hint_by_hand():
    # student: 3 * 2; teacher: 2 * (2 * .1); in three quarters of the voxels
    assert Hint(["layer"])(step()).item() == pytest.approx(0.75 * (6 - 0.4) ** 2)


def test_hint_teaches_the_student_alone():
    one = step()
    Hint(["layer"])(one).backward()
    networks = one.networks
    assert networks.student.factor.grad is not None
    assert networks.teacher.factor.grad is None and networks.source.factor.grad is None
    assert one.image("target_as_source").requires_grad  # for the losses of the translator


def test_layers_must_be_named():
    with pytest.raises(ValueError, match="layers"):
        Hint([])

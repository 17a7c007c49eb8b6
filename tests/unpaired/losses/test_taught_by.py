"""Mutual teaching by hand, one way."""

import math

import pytest
from scripts.unpaired.losses.taught_by import TaughtBy
from unpaired.stubs import side, step


def test_divergence_by_hand_and_whom_it_teaches():
    # image ln 3 at temperature 2: teacher 2 ln 3 / 2 = ln 3 (p = .75), student 3 ln 3 / 2 (p = 27^.5 / (1 + 27^.5))
    one = step(source=side(math.log(3)))
    q = 27**0.5 / (1 + 27**0.5)
    kl = 0.75 * math.log(0.75 / q) + 0.25 * math.log(0.25 / (1 - q))
    loss = TaughtBy("source", teacher="teacher", student="student", temperature=2.0)(one)
    assert loss.item() == pytest.approx(
        4 * 3 * 0.75 * kl, rel=1e-4
    )  # tau^2, three regions, three quarters of the voxels
    loss.backward()
    assert one.networks.student.factor.grad is not None and one.networks.teacher.factor.grad is None


def test_no_gradient_reaches_the_translator():
    one = step()
    TaughtBy("source_as_target", "teacher", "student")(one).backward()
    assert one.networks.target.factor.grad is None


def test_the_one_who_teaches_is_not_run_again_where_its_output_is_there():
    one = step()
    one.output("teacher", "source")
    TaughtBy("source", "teacher", "student")(one)
    assert one.networks.runs == [("teacher", "source", True), ("student", "source", True)]

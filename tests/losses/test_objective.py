"""The weighted sum of named terms and its schedule."""

import math

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.objective import Objective, Term
from scripts.losses.output import Output
from scripts.losses.segmentation_loss import SegmentationLoss
from torch import nn


class _Constant(nn.Module):
    def __init__(self, value, layers=()):
        super().__init__()
        self.value, self.layers, self.calls = value, layers, 0

    def forward(self, teacher, student, label):
        self.calls += 1
        return torch.tensor(self.value, requires_grad=True)


def test_loss_is_the_weighted_sum_and_terms_are_named():
    values = Objective({"a": Term(_Constant(2.0)), "b": Term(_Constant(3.0), weight=0.5)})(None, None, torch.zeros(1))
    assert {name: value.item() for name, value in values.items()} == {"loss": 3.5, "a": 2.0, "b": 1.5}
    assert values["loss"].requires_grad and not values["a"].requires_grad


def test_ramp_by_hand():
    term = Term(_Constant(1.0), weight=2.0, start=0.1, ramp=0.4)
    assert term.weight_at(0.05) == 0
    assert term.weight_at(0.1) == pytest.approx(2 * math.exp(-5))
    # halfway up: 2 * exp(-5 * 0.5^2)
    assert term.weight_at(0.3) == pytest.approx(2 * math.exp(-1.25))
    assert term.weight_at(0.5) == term.weight_at(1.0) == 2.0


def test_term_of_weight_zero_is_not_computed():
    late = _Constant(1.0)
    objective = Objective({"now": Term(_Constant(1.0)), "late": Term(late, start=0.5)})
    assert "late" not in objective(None, None, torch.zeros(1)) and late.calls == 0
    objective.progress = 0.5
    assert "late" in objective(None, None, torch.zeros(1)) and late.calls == 1


@pytest.mark.parametrize("changes", [{"weight": 0.0}, {"start": 0.5}, {"needs_expert_label": True}])
def test_a_step_may_go_without_a_term(changes):
    assert Term(_Constant(1.0), **changes).may_be_left_out and not Term(_Constant(1.0)).may_be_left_out


def test_a_loss_over_all_processes_cannot_be_left_out_on_one_of_them(monkeypatch):
    loss = BarlowTwins(4)
    Term(loss, needs_expert_label=True)  # of one process it can
    monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
    with pytest.raises(UserError, match="needs_expert_label of a BarlowTwins term cannot be true in a run of several"):
        Term(loss, needs_expert_label=True)
    Term(_Constant(1.0), needs_expert_label=True)


def test_disabled_terms_are_left_out_and_taps_collected():
    objective = Objective({"a": Term(_Constant(1.0, ("bottleneck",))), "off": None})
    assert list(objective.terms) == ["a"] and objective.layers == ("bottleneck",)


def test_formula_is_printed_with_weights_and_schedule():
    objective = Objective({"a": Term(_Constant(1.0)), "b": Term(_Constant(1.0), 0.1, ramp=0.2)})
    assert str(objective) == "loss = 1 a + 0.1 b (from 0%, ramp 20%)"


def test_empty_objective_and_impossible_schedule_are_refused():
    with pytest.raises(UserError, match="no term"):
        Objective({"off": None})
    for weight in (-1, math.nan, "x", True):
        with pytest.raises(UserError, match=f"weight {weight!r}, start 0.0 and ramp 0.0: give a weight of at least 0"):
            Term(_Constant(1.0), weight=weight)


def test_the_terms_of_the_teacher_alone_are_an_objective_of_their_own():
    terms = {"teacher": Term(SegmentationLoss("teacher"), 0.2), "student": Term(SegmentationLoss("student"), 0.8)}
    whole = Objective(terms | {"both": Term(_Constant(1.0))})
    assert str(whole.of_teacher()) == "loss = 0.2 teacher" and str(whole.of_student()) == "loss = 0.8 student + 1 both"
    assert whole.of_student().of_teacher() is None


def test_all_terms_but_those_of_the_student_and_of_weight_zero_need_the_teachers_output():
    terms = {"teacher": Term(SegmentationLoss("teacher")), "student": Term(SegmentationLoss("student"))}
    terms |= {"both": Term(_Constant(1.0), start=0.5), "off": Term(_Constant(1.0), weight=0)}
    assert Objective(terms).needing_teacher == ("teacher", "both")


class _MeanLabel(nn.Module):
    """A loss whose value is the sum of the labels that it is given."""

    layers = ()

    def forward(self, teacher, student, label):
        assert len(student.logits[0]) == len(label) and teacher is None
        return label.sum() + 0 * student.logits[0].sum()


def test_a_term_that_needs_an_experts_label_sees_only_samples_that_have_one():
    terms = {"expert": Term(_MeanLabel(), needs_expert_label=True), "all": Term(_MeanLabel())}
    student = Output([torch.zeros(2, 3, 1, 1, 1, requires_grad=True)])
    label = torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1, 1)
    for expert, expected in (([True, False], 1.0), ([True, True], 11.0), (None, 11.0)):
        expert = None if expert is None else torch.tensor(expert)
        values = Objective(terms)(None, student, label, expert)
        assert values["expert"].item() == expected and values["all"].item() == 11.0
    assert set(Objective(terms)(None, student, label, torch.tensor([False, False]))) == {"loss", "all"}

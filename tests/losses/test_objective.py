"""The weighted sum of named terms and its schedule."""

import math

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.objective import Objective, Term
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


def test_disabled_terms_are_left_out_and_taps_collected():
    objective = Objective({"a": Term(_Constant(1.0, ("bottleneck",))), "off": None})
    assert list(objective.terms) == ["a"] and objective.layers == ("bottleneck",)


def test_formula_is_printed_with_weights_and_schedule():
    objective = Objective({"a": Term(_Constant(1.0)), "b": Term(_Constant(1.0), 0.1, ramp=0.2)})
    assert str(objective) == "loss = 1 a + 0.1 b (from 0%, ramp 20%)"


def test_empty_objective_and_impossible_schedule_are_refused():
    with pytest.raises(UserError, match="no term"):
        Objective({"off": None})
    with pytest.raises(ValueError, match="weight -1"):
        Term(_Constant(1.0), weight=-1)

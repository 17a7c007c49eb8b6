"""The sum of the terms: left out where they do not apply, measured, and apart from the discriminators' losses."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.objective import Term
from scripts.unpaired.objective import UnpairedObjective
from torch import nn
from unpaired.stubs import step


class _Loss(nn.Module):
    layers = ("layer",)

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, step):
        return self.value


class _Adversary(_Loss):
    def __init__(self, value):
        super().__init__(value)
        self.discriminator = nn.Linear(1, 1)

    def discriminator_loss(self, step):
        return torch.tensor(7.0)


def test_loss_is_the_weighted_sum_of_the_terms_that_apply():
    losses = {"a": Term(_Loss(torch.tensor(2.0)), 3.0), "b": Term(_Loss(torch.tensor(5.0))), "c": Term(_Loss(None))}
    values = UnpairedObjective(losses)(step())
    assert {name: float(value) for name, value in values.items()} == {"loss": 11.0, "a": 6.0, "b": 5.0}


def test_a_term_that_has_not_started_is_not_computed_nor_is_its_discriminator_trained():
    objective = UnpairedObjective({"a": Term(_Loss(torch.tensor(1.0))), "b": Term(_Adversary("never"), start=0.5)})
    assert set(objective(step())) == {"loss", "a"} and objective.discriminator_loss(step()) == {}
    objective.progress = 0.5
    assert objective.discriminator_loss(step()) == {"discriminator_b": 7.0}


def test_a_need_of_expert_labels_is_refused_since_no_unpaired_loss_asks_for_it():
    with pytest.raises(UserError, match="objective#terms#a#needs_expert_label has no effect"):
        UnpairedObjective({"a": Term(_Loss(torch.tensor(1.0)), needs_expert_label=True)})


def test_parameters_of_discriminators_are_apart():
    objective = UnpairedObjective({"a": Term(_Adversary(torch.tensor(1.0))), "b": Term(nn.Linear(2, 1))})
    assert [tuple(p.shape) for p in objective.discriminator_parameters()] == [(1, 1), (1,)]
    assert [tuple(p.shape) for p in objective.own_parameters()] == [(1, 2), (1,)]
    assert list(objective.adversaries) == ["a"]


def test_gradients_of_terms_are_measured():
    weight = nn.Parameter(torch.tensor(1.0))
    objective = UnpairedObjective({"a": Term(_Loss(3 * weight), 2.0)})
    objective.measured = [weight]
    objective(step())
    assert objective.gradient_norms["a"] == pytest.approx(6.0)

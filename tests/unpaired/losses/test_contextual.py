"""The contextual loss: by hand, and that it wants the style of the other image and nothing else."""

import math

import pytest
import torch
from scripts.unpaired.losses.contextual import Contextual, contextual_loss
from unpaired.stubs import step


def test_loss_by_hand():
    # style a, -a around its mean 0; one place of the translation is like a: distances 0 and 2
    style, made = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    relative = torch.tensor([0.0, 2 / 1e-5])
    affinity = torch.softmax((1 - relative) / 0.5, 0)
    assert contextual_loss(made, style).item() == pytest.approx(-math.log(affinity.mean()), rel=1e-4)


def test_equal_features_in_any_order_cost_little_and_others_more():
    style = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    assert contextual_loss(style.flip(0), style) < 0.01
    other = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    assert contextual_loss(other, style) > 0.5


def test_it_teaches_the_translator_alone():
    torch.manual_seed(0)
    one = step()
    for side in one.sides.values():
        side.image *= torch.rand_like(side.image)
    loss = Contextual("source_as_target", "target", "student", "layer", places=16)(one)
    loss.backward()
    networks = one.networks
    assert networks.target.factor.grad is not None
    assert networks.student.factor.grad is None and networks.source.factor.grad is None

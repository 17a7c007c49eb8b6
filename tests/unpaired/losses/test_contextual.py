"""The contextual loss: by hand, and that it wants the style of the other image and nothing else."""

import math

import pytest
import torch
from scripts.unpaired.losses.contextual import Contextual, contextual_loss
from unpaired.stubs import step


def test_loss_by_hand():
    # style a, -a around its mean 0; the places of the translation are at 60 degrees to a, and at -a: cosine distances
    # (0.5, 1.5) and (2, 0), relative to the least 1 and 3, and beyond all bounds and 0
    style, made = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[1.0, math.sqrt(3)], [-1.0, 0.0]])
    for bandwidth in (0.5, 2.0):
        to_a, to_minus_a = 1 / (1 + math.exp(-2 / bandwidth)), 1.0  # the best place for each place of the style
        expected = -math.log((to_a + to_minus_a) / 2)
        assert contextual_loss(made, style, bandwidth).item() == pytest.approx(expected, rel=1e-3)


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

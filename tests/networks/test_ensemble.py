"""The ensemble of teacher and student: the mean of their probabilities."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.networks.ensemble import Ensemble
from torch import nn


class _Constant(nn.Module):
    def __init__(self, channels, probability):
        super().__init__()
        self.channels, self.logit = channels, torch.logit(torch.tensor(probability))

    def forward(self, image):
        assert image.shape[1] == self.channels
        return self.logit.expand(len(image), 3, *image.shape[2:])


def test_mean_of_the_two_probabilities_as_logits():
    ensemble = Ensemble(_Constant(4, 0.9), _Constant(2, 0.3), ["t1ce", "flair"])
    probability = torch.sigmoid(ensemble(torch.zeros(1, 4, 2, 2, 2)))
    assert probability.shape == (1, 3, 2, 2, 2)
    assert probability.unique().item() == pytest.approx(0.6, abs=1e-6)  # (0.9 + 0.3) / 2


def test_certain_networks_give_finite_logits():
    ensemble = Ensemble(_Constant(4, 1.0), _Constant(1, 1.0), ["t1"])
    assert ensemble(torch.zeros(1, 4, 1, 1, 1)).isfinite().all()


def test_fewer_sequences_than_the_teacher_needs_are_refused():
    ensemble = Ensemble(_Constant(4, 1.0), _Constant(1, 1.0), ["t1"])
    with pytest.raises(UserError, match="was given 1 of 4 sequences, but its teacher needs all"):
        ensemble(torch.zeros(1, 1, 1, 1, 1))

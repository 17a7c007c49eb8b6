"""The prior's divergence by hand."""

import math

import pytest
import torch
from scripts.losses.output import Output
from scripts.unpaired.losses.latent_prior import LatentPrior
from unpaired.stubs import StubNetworks, step


class _Latents(StubNetworks):
    def run_on(self, name, image, domain, to_network=True):
        mean = torch.full((1, 2, 2, 2, 2), 1.0 if domain == "source" else 0.0)
        return Output([], {"bottleneck.mean": mean, "bottleneck.log_variance": torch.full_like(mean, math.log(2))})


def test_divergence_is_the_mean_over_domains():
    loss = LatentPrior(["source", "target"], ["bottleneck"])(step(networks=_Latents()))
    # (mean^2 + 2 - 1 - ln 2) / 2 with mean 1 and 0
    assert loss.item() == pytest.approx(0.5 * (0.5 + 1 - math.log(2)))

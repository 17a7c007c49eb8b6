"""The adversarial loss by hand, and whom each half of it teaches."""

import pytest
import torch
from scripts.unpaired.losses.adversary import Adversary
from torch import nn
from unpaired.stubs import Times, step


class _Mean(nn.Module):
    """Gives the mean of what it sees, times a parameter."""

    def __init__(self):
        super().__init__()
        self.times = Times(1.0)

    def forward(self, x):
        return [x, self.times(x.mean(dim=(1, 2, 3, 4)))]


def test_losses_by_hand():
    # three quarters of the voxels have the value: the source as target has the mean 7.5, the target 1.5
    adversary, one = Adversary(_Mean(), ["target"], ["source_as_target"]), step()
    assert adversary(one).item() == pytest.approx((7.5 - 1) ** 2)
    assert adversary.discriminator_loss(one).item() == pytest.approx(0.5 * ((1.5 - 1) ** 2 + 7.5**2))


def test_the_makers_learn_from_one_half_and_the_discriminator_from_the_other():
    adversary, one = Adversary(_Mean(), ["target"], ["source_as_target"]), step()
    adversary(one).backward()
    assert one.networks.target.factor.grad is not None and adversary.discriminator.times.factor.grad is None
    one.networks.zero_grad()
    adversary.discriminator_loss(one).backward()
    assert one.networks.target.factor.grad is None and adversary.discriminator.times.factor.grad is not None


@pytest.mark.parametrize(
    "sees, mean", [("layer", 2.25), ("probability", 0.75 * torch.sigmoid(torch.tensor(3.0)) + 0.125)]
)
def test_predictions_and_features_are_judged_too(sees, mean):
    adversary, one = Adversary(_Mean(), ["target"], ["source"], sees=sees), step()
    assert adversary(one).item() == pytest.approx(float(mean - 1) ** 2, rel=1e-5)
    adversary(one).backward()
    assert one.networks.student.factor.grad is not None
    assert adversary.layers == (("layer",) if sees == "layer" else ())


@pytest.mark.parametrize("real, fake", [([], ["target"]), (["target"], "source"), (["mri"], ["target"])])
def test_wrong_images_are_refused(real, fake):
    with pytest.raises(ValueError, match="image"):
        Adversary(_Mean(), real, fake)

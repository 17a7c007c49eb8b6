# SPDX-License-Identifier: Apache-2.0
"""One segmentor follows another on an image of the other's domain: mutual distillation of MKD."""

import torch
from scripts.losses.shared import positive_temperature
from scripts.losses.soft_targets import bernoulli_kl
from scripts.unpaired.step import Step, check_image
from torch.nn.modules.loss import _Loss


class TaughtBy(_Loss):
    r"""KL divergence of softened probabilities, without gradient for the one who teaches.

    .. math:: L = \tau^2 \, \mathrm{mean}_v \sum_r \mathrm{KL}(\sigma(z^T_{rv}/\tau) \,\|\, \sigma(z^S_{rv}/\tau))

    Source: Li et al. 2020 (MKD, arXiv:2010.01532): each of two segmentors learns from the other on the data on which
    the other was supervised. The Bernoulli of each region and tau^2 are ours.

    Args:
        image: name of the image that both see.
        teacher, student: names of the segmentors.
        temperature: tau.

    Raises:
        ValueError: an unknown image, or a temperature that is not above 0.
    """

    layers = ()

    def __init__(self, image: str, teacher: str, student: str, temperature: float = 2.0) -> None:
        super().__init__()
        self.image, self.teacher, self.student = check_image(image), teacher, student
        self.temperature = positive_temperature(temperature)

    def forward(self, step: Step) -> torch.Tensor:
        """The mean over voxels of the divergence; its gradient reaches the segmentor that learns, and no translator."""
        target = step.output(self.teacher, self.image, to_network=False).logits[0].float()
        own = step.output(self.student, self.image).logits[0].float()
        kl = bernoulli_kl(target / self.temperature, own / self.temperature)
        return self.temperature**2 * kl.sum(1).mean()

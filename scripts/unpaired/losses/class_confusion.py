# SPDX-License-Identifier: Apache-2.0
"""Both domains confuse the same classes: the distillation of UMMKD, which needs no pairs of voxels."""

import torch
from scripts.losses.shared import positive_temperature, region_means
from scripts.losses.soft_targets import bernoulli_kl
from scripts.unpaired.pairs import Side
from scripts.unpaired.step import Step, check_images
from torch.nn.modules.loss import _Loss


class ClassConfusion(_Loss):
    r"""Symmetric KL divergence between the mean predictions of each class in the two domains.

    .. math:: L = \frac{1}{K} \sum_k \frac{1}{2} [\mathrm{KL}(q_k^s \| q_k^t) + \mathrm{KL}(q_k^t \| q_k^s)], \qquad
        q_k = \sigma(\mathrm{mean}_{v \in k} \, z_v / \tau)

    over the K classes (background, oedema, core, enhancing) that occur in both.

    Source: Dou et al. 2020 (UMMKD, TMI), with softmax and tau 2. Here :math:`q_k` holds a Bernoulli for each of the nested
    regions. Classes that a batch lacks are left out, which the published code does not do.

    Args:
        images: the two images whose labels are known.
        network: the segmentor.
        temperature: tau.

    Raises:
        ValueError: not two images, an unknown one, or a temperature that is not above 0.
    """

    layers = ()

    def __init__(self, images: tuple[str, str] | list[str], network: str = "student", temperature: float = 2.0) -> None:
        super().__init__()
        self.images = check_images(images, 2)
        self.network = network
        self.temperature = positive_temperature(temperature)

    def forward(self, step: Step) -> torch.Tensor | None:
        """The loss; None without a labelled patch on both sides, or without a class that occurs in both."""
        if not all(bool(step.side(image).labelled.any()) for image in self.images):
            return None
        means = [
            class_means(step.output(self.network, image).logits[0].float(), step.side(image)) for image in self.images
        ]
        both = means[0][1] & means[1][1]
        if not bool(both.any()):
            return None
        one, other = (mean[both] / self.temperature for mean, _ in means)
        return 0.5 * (bernoulli_kl(one, other) + bernoulli_kl(other, one)).sum(1).mean()


def class_means(logits: torch.Tensor, side: Side) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean logits (4, 3) of each class over the labelled patches in which it occurs, and whether it does (4,)."""
    means, there = region_means(logits[side.labelled], side.label[side.labelled])
    count = there.sum(0)
    return means.sum(0) / count.clamp_min(1)[:, None], count > 0

# SPDX-License-Identifier: Apache-2.0
"""Each place of a scan has its like somewhere in a translated image, without pairs: the contextual loss."""

import torch
from scripts.unpaired.step import Step, check_image
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class Contextual(_Loss):
    r"""Contextual loss of a translated image and an image of the domain whose style it shall have.

    .. math:: L = -\log \mathrm{mean}_j \max_i A_{ij}, \qquad A_{ij} \propto_j \exp((1 - d_{ij} / \min_k d_{ik}) / h)

    with :math:`d_{ij}` the cosine distance of the features at place i of the translation and place j of the scan, after
    the scan's mean was subtracted.

    Source: Mechrez et al. 2018 (arXiv:1803.02077); beside CycleGAN in Jiang et al. 2021 (CMEDL for CBCT,
    arXiv:2102.08556) on features of a VGG. Here they are those of the segmentor that is being trained on that domain, so
    that nothing is downloaded; it gets no gradient from this loss.

    Args:
        image: name of the translated image.
        style: name of the image whose style it shall have.
        network: the segmentor of that domain.
        layer: module path of the features.
        places: number of places in the brain that are drawn from each.
        bandwidth: h.
    """

    def __init__(
        self, image: str, style: str, network: str, layer: str, places: int = 512, bandwidth: float = 0.5
    ) -> None:
        super().__init__()
        self.image, self.style = check_image(image), check_image(style)
        self.network, self.layers, self.places, self.bandwidth = network, (layer,), places, bandwidth

    def forward(self, step: Step) -> torch.Tensor:
        """The mean over the batch; its gradient reaches the translator alone."""
        values = []
        made = step.output(self.network, self.image, to_image=True, to_network=False).features[self.layers[0]]
        style = step.output(self.network, self.style, to_network=False).features[self.layers[0]]  # without a gradient
        for number in range(len(made)):
            one = self._places(made[number], step.side(self.image).image[number])
            other = self._places(style[number], step.side(self.style).image[number])
            values.append(contextual_loss(one, other, self.bandwidth))
        return torch.stack(values).mean()

    def _places(self, features: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        """Features (N, C) at drawn places of the brain."""
        brain = functional.adaptive_max_pool3d((scan != 0).float(), features.shape[1:]).flatten() > 0
        there = brain.nonzero().flatten()
        there = there if len(there) else torch.arange(brain.numel(), device=brain.device)
        drawn = there[torch.randperm(len(there))[: self.places].to(there.device)]
        return features.flatten(1).T[drawn].float()


def contextual_loss(made: torch.Tensor, style: torch.Tensor, bandwidth: float = 0.5) -> torch.Tensor:
    """The loss of features (N, C) and (M, C), as in `Contextual`."""
    centre = style.mean(dim=0, keepdim=True)
    made, style = (functional.normalize(features - centre, dim=1) for features in (made, style))
    distance = (1 - made @ style.T).clamp_min(0)
    relative = distance / (distance.amin(dim=1, keepdim=True) + 1e-5)
    affinity = torch.softmax((1 - relative) / bandwidth, dim=1)
    return -torch.log(affinity.amax(dim=0).mean())

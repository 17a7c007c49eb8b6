# SPDX-License-Identifier: Apache-2.0
"""The latents of both domains follow one prior: the standard normal distribution of a VAE."""

import torch
from scripts.unpaired.step import Step, check_images
from scripts.unpaired.variational import LOG_VARIANCE, MEAN
from torch.nn.modules.loss import _Loss


class LatentPrior(_Loss):
    r"""KL divergence from the latents' distribution to N(0, 1), mean over elements, layers and images.

    .. math:: L = \mathrm{mean} \, \tfrac{1}{2} (\mu^2 + \sigma^2 - 1 - \log \sigma^2)

    Source: Ouyang et al. 2019 (MICCAI), after Kingma and Welling 2014. The mean over elements is ours.

    Args:
        images: names of the images.
        layers: levels of the encoder (`scripts.unpaired.variational.VariationalEncoder`).
        network: the segmentor.

    Raises:
        ValueError: no image or an unknown one.
    """

    def __init__(self, images: list[str], layers: list[str], network: str = "student") -> None:
        super().__init__()
        self.images = check_images(images)
        self.layers = tuple(layers)
        self.network = network

    def forward(self, step: Step) -> torch.Tensor:
        """The mean divergence; its gradient reaches the segmentor's encoder."""
        values = []
        for image in self.images:
            features = step.output(self.network, image).features
            for layer in self.layers:
                mean, log_variance = (features[key.format(layer)].float() for key in (MEAN, LOG_VARIANCE))
                values.append(0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean())
        return torch.stack(values).mean()

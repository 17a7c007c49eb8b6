# SPDX-License-Identifier: Apache-2.0
"""An image that comes back to its own domain must be what it was: cycle consistency and reconstruction."""

import torch
from scripts.unpaired.step import AS, Step, check_images
from torch.nn.modules.loss import _Loss


class Reconstruction(_Loss):
    """Mean absolute difference, in the brain, of an image and the scan that it was made of, over all images named.

    ``source_as_target_as_source`` gives the cycle loss of CycleGAN (Zhu et al. 2017, arXiv:1703.10593),
    ``source_as_source`` the reconstruction of an autoencoder.

    Args:
        images: names of images that end in the domain in which they begin.

    Raises:
        ValueError: no image, an unknown one, or one that ends in the other domain.
    """

    layers = ()

    def __init__(self, images: list[str]) -> None:
        super().__init__()
        self.images = check_images(images)
        for image in self.images:
            domains = image.split(AS)
            if len(domains) < 2 or domains[0] != domains[-1]:
                raise ValueError(f"The image '{image}' cannot be compared: name one such as source_as_source.")

    def forward(self, step: Step) -> torch.Tensor:
        """The mean of the differences, in z-units; its gradient reaches the networks that made the images."""
        values = []
        for image in self.images:
            scan = step.side(image).image
            difference = (step.image(image) - scan).abs()
            values.append(difference.sum() / (scan != 0).sum().clamp_min(1))
        return sum(values) / len(values)

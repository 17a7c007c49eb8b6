# SPDX-License-Identifier: Apache-2.0
"""Earlier fakes, which keep a discriminator from forgetting what it knew of them."""

import torch
from torch import nn


class ImagePool(nn.Module):
    """Gives half of the images back as they are, and swaps the others with stored ones (Shrivastava et al. 2017).

    It is part of the state dict, so that a resumed training goes on with the same images.

    Args:
        size: number of stored images; 0 for none.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.images: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, X, Y, Z), without gradient, to the same shape; drawn from torch's generator."""
        if self.size == 0:
            return images
        given = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image)
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                image, self.images[place] = self.images[place].to(image), image
            given.append(image)
        return torch.stack(given)

    def get_extra_state(self) -> list[torch.Tensor]:
        return [image.cpu() for image in self.images]

    def set_extra_state(self, state: list[torch.Tensor]) -> None:
        self.images = list(state)

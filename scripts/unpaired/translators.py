# SPDX-License-Identifier: Apache-2.0
"""Networks that give an image the style of the other domain."""

from collections.abc import Iterable, Sequence

import torch
from monai.networks.blocks import Convolution, ResidualUnit, UpSample
from torch import nn


class Translator(nn.Module):
    """A small residual generator in 3D: it adds a learned change to the image, and changes nothing at first.

    Two strided convolutions, residual units at a quarter of the resolution, and the way back, with a skip connection at
    each scale: the generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593) with fewer channels. Ours are the third
    dimension, the skips, instance norm without parameters, and that it predicts a change.

    Args:
        channels: at full resolution; doubled at each scale.
        blocks: number of residual units.
    """

    def __init__(self, channels: int = 8, blocks: int = 3) -> None:
        super().__init__()
        c = channels
        self.first = _convolution(1, c)
        self.down = nn.ModuleList([_convolution(c, 2 * c, strides=2), _convolution(2 * c, 4 * c, strides=2)])
        self.middle = nn.Sequential(*(_residual_unit(4 * c) for _ in range(blocks)))
        self.up = nn.ModuleList([_Up(4 * c, 2 * c), _Up(2 * c, c)])
        self.last = nn.Conv3d(c, 1, kernel_size=1)  # gives 0 at first
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, X, Y, Z), divisible by 4, to the same."""
        full = self.first(image)
        half = self.down[0](full)
        x = self.middle(self.down[1](half))
        x = self.up[1](self.up[0](x, half), full)
        return image + self.last(x)


class FeatureDecoder(nn.Module):
    """Makes an image of a segmentor's encoder features: the private decoder of a shared encoder.

    Args:
        channels: of the features, the finest first; each is at half the resolution of the one before.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        pairs = list(zip(channels[:0:-1], channels[-2::-1]))
        self.up = nn.ModuleList([_Up(below, above) for below, above in pairs])
        self.last = nn.Conv3d(channels[0], 1, kernel_size=1)

    def forward(self, features: Iterable[torch.Tensor]) -> torch.Tensor:
        """Features (B, C, x, y, z), the finest first, to an image (B, 1, X, Y, Z) of the finest one's size."""
        *above, x = features
        for up, skip in zip(self.up, reversed(above)):
            x = up(x, skip)
        return self.last(x)


class _Up(nn.Module):
    """Twice the resolution, joined with the features of that scale.

    Interpolated: transposed convolutions left a checkerboard on the translated scans (Odena et al. 2016, Distill).
    """

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.upsample = UpSample(3, below, above, scale_factor=2, mode="nontrainable", align_corners=False)
        self.join = _convolution(2 * above, above)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.join(torch.cat([self.upsample(x), skip], dim=1))


def _convolution(in_channels: int, out_channels: int, strides: int = 1) -> nn.Module:
    return Convolution(3, in_channels, out_channels, strides=strides, norm="INSTANCE", act="LEAKYRELU")


def _residual_unit(channels: int) -> nn.Module:
    return ResidualUnit(3, channels, channels, subunits=2, norm="INSTANCE", act="LEAKYRELU")

# SPDX-License-Identifier: Apache-2.0
"""Separable smoothing by matrices, and the random numbers and smooth random fields of one subject."""

from collections.abc import Sequence

import torch


def separable(volume: torch.Tensor, matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Multiply each spatial axis of a volume by its matrix. Blur, shift and resampling have this form.

    Args:
        volume: (C, X, Y, Z).
        matrices: for X, Y and Z, each (new length, old length), or (C, new length, old length): one per channel.

    Returns:
        (C, X', Y', Z').
    """
    for matrix in matrices:
        channels, first, *rest = volume.shape
        # the multiplied axis goes last, so that after three rounds the axes are in their order again
        volume = torch.matmul(volume.reshape(channels, first, -1).transpose(1, 2), matrix.transpose(-1, -2))
        volume = volume.reshape(channels, *rest, -1)
    return volume


def gaussian_matrix(length: int, sigma: torch.Tensor, shift: torch.Tensor | None = None) -> torch.Tensor:
    """Matrix (*sigma.shape, length, length) of a Gaussian blur: each output voxel is a weighted mean, edges included.

    Args:
        length: voxels along the axis.
        sigma: standard deviation in voxels, one per channel or a single one; 0 blurs nothing.
        shift: distance in voxels from which each output voxel takes its values, shaped like `sigma`; default 0.
    """
    sigma = sigma[..., None, None]
    position = torch.arange(length, device=sigma.device, dtype=sigma.dtype)
    distance = position[:, None] - position
    if shift is not None:
        # a Gaussian narrower than 0.35 voxel would have no weight between voxels; linear interpolation blurs as much
        sigma, distance = sigma.clamp(min=0.35), distance + shift[..., None, None]
    weight = torch.exp(-0.5 * (distance / sigma.clamp(min=0.05)) ** 2)
    return weight / weight.sum(-1, keepdim=True)


def blurred(volume: torch.Tensor, sigma: torch.Tensor, spacing: float) -> torch.Tensor:
    """(C, X, Y, Z) blurred by Gaussians of `sigma` mm, one number or one per channel; the edges are not darkened."""
    sigma = sigma / spacing
    return separable(volume, [gaussian_matrix(n, sigma).to(volume.device) for n in volume.shape[1:]])


def correlated(amplitudes: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Matrix (4, 5) that mixes one common and four own standard normal numbers to four with standard deviations
    `amplitudes` (4,), whose correlation with the common one is `share` (4,), -1 to 1."""
    return torch.cat([(amplitudes * share)[:, None], torch.diag(amplitudes * (1 - share**2).sqrt())], 1)


def per_channel(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(C,) numbers as (C, 1, 1, 1) on the device of `like`."""
    return values.to(like.device)[:, None, None, None]


class Draws:
    """The random numbers of one subject: scalars on the CPU, so that no branch waits for a GPU, fields on the device.

    Args:
        seed: the same seed gives the same numbers on the same kind of device.
        shape: voxels (X, Y, Z) of the volume.
        spacing: mm per voxel.
        device: of the fields.
    """

    def __init__(self, seed: int, shape: Sequence[int], spacing: float, device: torch.device) -> None:
        self.shape, self.spacing, self.device = tuple(shape), spacing, device
        self.scalars = torch.Generator().manual_seed(seed)
        self.volumes = torch.Generator(device).manual_seed(seed)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return torch.rand((), generator=self.scalars).item() < probability

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Uniform numbers, float32 on the CPU, of the given shape (a scalar tensor without one)."""
        return low + (high - low) * torch.rand(shape, generator=self.scalars)

    def normal(self, *shape: int, limit: float = 2.5) -> torch.Tensor:
        """Standard normal numbers clipped to +-`limit`, so that no subject is implausible."""
        return torch.randn(shape, generator=self.scalars).clamp(-limit, limit)

    def noise(self, channels: int) -> torch.Tensor:
        """White noise of variance 1, (channels, X, Y, Z)."""
        return torch.randn((channels, *self.shape), generator=self.volumes, device=self.device)

    def field(self, channels: int, length: float, mix: torch.Tensor | None = None) -> torch.Tensor:
        """Smooth Gaussian random field with mean 0 and variance 1 at every voxel, (channels, X, Y, Z).

        Ours: standard normal numbers at nodes `length` apart, weighted by Gaussian kernels of this width whose squares
        sum to one. Voxels `length` mm apart have a correlation of 0.78, and twice as far apart 0.37.

        Args:
            channels: independent fields.
            length: correlation length in mm; up to half a voxel the field is white noise.
            mix: (outputs, channels) matrix that mixes the independent fields, applied at the nodes.
        """
        step = length / self.spacing
        if step <= 0.5:
            field = self.noise(channels)
            return field if mix is None else torch.tensordot(mix.to(field), field, 1)
        nodes = [int(size / step) + 6 for size in self.shape]
        coarse = torch.randn((channels, *nodes), generator=self.volumes, device=self.device)
        if mix is not None:
            coarse = torch.tensordot(mix.to(coarse), coarse, 1)
        matrices = []
        for size, count, phase in zip(self.shape, nodes, self.uniform(0, 1, 3).tolist()):
            voxel = torch.arange(size, device=self.device, dtype=torch.float32)[:, None] / step
            node = torch.arange(count, device=self.device, dtype=torch.float32) - 2 - phase
            weight = torch.exp(-0.5 * (voxel - node) ** 2)
            matrices.append(weight / weight.square().sum(1, keepdim=True).sqrt())
        return separable(coarse, matrices)

# SPDX-License-Identifier: Apache-2.0
"""Cosine distance of projected latents: the simple alternative that Barlow Twins is compared with."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import (
    balanced_weights,
    check_same_grid,
    latent_foreground,
    summed_over_processes,
    voxels_as_samples,
)
from torch import nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class ProjectedCosine(_Loss):
    r"""Cosine distance between the projected student and the standardised teacher.

    .. math:: L = \sum_v \omega_v \big( 1 - \cos(W f^S_v, \; \hat f^T_v) \big)

    :math:`W` is a linear 1x1x1 projector, :math:`\hat f^T` the teacher's features, without gradient, standardised per
    channel over all latent voxels of the global batch (else their common mean would dominate every cosine). The weights
    :math:`\omega` sum to 1, half of it on the dilated tumour, and weigh the moments too, as in ``BarlowTwins``. Between
    0 and 2, near 1 at the start; a constant student cannot win, as the targets point all ways around their mean.

    Source: ours, the null hypothesis for Barlow Twins: features regressed through a projector, as FitNets (Romero et
    al. 2015, arXiv:1412.6550) do with squared distance, but indifferent to the scale.

    Args:
        channels: channels of the student's feature map of ``layer``.
        layer: path of the module whose output is compared.
        teacher_channels: channels of the teacher's; None for as many as the student's.

    Raises:
        ValueError: on less than one channel; at the first call, if the two feature maps have different grids.
    """

    over_processes = True

    def __init__(self, channels: int, layer: str = "bottleneck", teacher_channels: int | None = None) -> None:
        super().__init__()
        teacher_channels = channels if teacher_channels is None else teacher_channels
        if channels < 1 or teacher_channels < 1:
            raise ValueError(f"channels is {channels} and teacher_channels {teacher_channels}, but need at least 1.")
        self.layers = (layer,)
        self.projector = nn.Conv3d(channels, teacher_channels, kernel_size=1, bias=False)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``features[layer]`` of shape (B, teacher_channels or channels, x, y, z).
            label: (B, 3, X, Y, Z) regions; a latent voxel is foreground where any region lies in it or beside it.
        """
        (layer,) = self.layers
        target, features = teacher.features[layer].detach().float(), student.features[layer].float()
        check_same_grid(target, features, layer)
        with torch.autocast(label.device.type, enabled=False):
            weights = balanced_weights(latent_foreground(label, target.shape[2:]))
            target = self._standardised(voxels_as_samples(target), weights[:, None])
            projected = voxels_as_samples(features) @ self.projector.weight.flatten(1).T
            # eps bounds the gradient where the projected student is all but zero
            distances = 1 - functional.cosine_similarity(projected, target, dim=1, eps=1e-4)
            return summed_over_processes((weights * distances).sum())

    @staticmethod
    def _standardised(samples: torch.Tensor, weights: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
        centred = samples - summed_over_processes((weights * samples).sum(0))
        return centred * torch.rsqrt(summed_over_processes((weights * centred.square()).sum(0)) + eps)

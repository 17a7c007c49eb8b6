# SPDX-License-Identifier: Apache-2.0
"""Barlow Twins between the latent maps of teacher and student; latent voxels are the samples."""

import ignite.distributed as idist
import torch
from scripts.common.errors import UserError
from scripts.losses.output import Output
from scripts.losses.shared import balanced_weights, latent_foreground, summed_over_processes, voxels_as_samples
from torch.nn.modules.loss import _Loss


def cross_correlation(a: torch.Tensor, b: torch.Tensor, weights: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Weighted cross-correlation matrix (d, d) of two sets of samples (N, d) over the global batch.

    Each column is standardised with the weighted mean and the *biased* variance, so that identical columns correlate to
    1 (up to ``eps``); MONAI 1.6.1's ``BarlowTwinsLoss`` divides an unbiased deviation by N and cannot reach it.
    """
    weights = weights[:, None]
    moments = summed_over_processes(torch.cat([(weights * a).sum(0), (weights * b).sum(0)]))
    a, b = a - moments[: a.shape[1]], b - moments[a.shape[1] :]
    variances = summed_over_processes(torch.cat([(weights * a * a).sum(0), (weights * b * b).sum(0)]))
    a, b = a * torch.rsqrt(variances[: a.shape[1]] + eps), b * torch.rsqrt(variances[a.shape[1] :] + eps)
    return summed_over_processes((weights * a).T @ b)


class BarlowTwins(_Loss):
    r"""Barlow Twins on dense features.

    .. math:: L = \frac{1}{d} \Big[ \sum_i (C_{ii} - 1)^2 + \lambda \sum_{i \ne j} C_{ij}^2 \Big]

    :math:`C` is the cross-correlation of the projected teacher and student features over all latent voxels of the
    global batch. Two cases a batch cannot give a correlation of pooled vectors (every standardised value would be
    +-1), hence the voxels; half of the weight lies on the (dilated) tumour, which would otherwise drown in background.
    Dividing by :math:`d` starts the loss near 1 whatever the width. Computed in float32.

    The projection is fixed and the same for both networks: ``project_dim`` orthonormal directions, drawn once. Trained
    projectors would satisfy the loss by themselves. Measured: with both networks frozen, 250 steps of two linear
    projectors bring it from 1.1 to 0.13, even for a student with random weights.

    Source: Zbontar et al. 2021 (arXiv:2103.03230), eq. 1-2, lambda 5e-3; between teacher and student in the latent
    space: Choi et al. 2023 (CMPB 107644), whose layer, projector and gradient routing are unknown and therefore
    arguments here.

    Args:
        channels: channels of the feature map of ``layer``, the same in teacher and student.
        layer: path of the module whose output is compared, e.g. ``"bottleneck"``, ``"downsamples.1"``.
        project_dim: number d of projected channels, at most ``channels``; None for the channels themselves. The
            correlation of d channels needs 4 d latent voxels.
        redundancy: the lambda above.
        detach_teacher: if true the teacher gets no gradient from this loss.

    Raises:
        ValueError: on a ``project_dim`` out of range; at the first call, if a network has another number of channels.
        UserError: at the first call, if the global batch has fewer than 4 d latent voxels.
    """

    over_processes = True

    def __init__(
        self,
        channels: int,
        layer: str = "bottleneck",
        project_dim: int | None = None,
        redundancy: float = 5e-3,
        detach_teacher: bool = True,
    ) -> None:
        super().__init__()
        if project_dim is not None and not 1 <= project_dim <= channels:
            raise ValueError(f"project_dim is {project_dim}, but must be null or 1 to {channels}, the channels.")
        self.layers = (layer,)
        self.channels = channels
        self.redundancy = redundancy
        self.detach_teacher = detach_teacher
        # in the checkpoint, so that a run resumed on another machine goes on with the same directions
        self.register_buffer("projection", None if project_dim is None else orthonormal(channels, project_dim))

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``features[layer]`` of shape (B, channels, x, y, z).
            label: (B, 3, X, Y, Z) regions; a latent voxel is foreground where any region lies in it or beside it.
        """
        with torch.autocast(label.device.type, enabled=False):
            return self._loss(teacher.features[self.layers[0]].float(), student.features[self.layers[0]].float(), label)

    def _loss(self, teacher: torch.Tensor, student: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        a, b = self._samples(teacher.detach() if self.detach_teacher else teacher), self._samples(student)
        samples, width = a.shape[0] * idist.get_world_size(), a.shape[1]
        if samples < 4 * width:
            raise UserError(
                f"Barlow Twins has {samples} latent voxels for {width} channels, but needs four times as many "
                "voxels as channels: use larger patches or batches, a layer of finer scale, or a smaller "
                "project_dim."
            )
        correlation = cross_correlation(a, b, balanced_weights(latent_foreground(label, teacher.shape[2:])))
        on_diagonal = (torch.diagonal(correlation) - 1).square().sum()
        off_diagonal = correlation.square().sum() - torch.diagonal(correlation).square().sum()
        return (on_diagonal + self.redundancy * off_diagonal) / width

    def _samples(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, x, y, z) -> (B x y z, d)."""
        if features.shape[1] != self.channels:
            raise ValueError(
                f"Barlow Twins compares feature maps of {self.channels} channels, but '{self.layers[0]}' of a network "
                f"has {features.shape[1]}: give teacher and student the same filters, or choose another layer."
            )
        samples = voxels_as_samples(features)
        return samples if self.projection is None else samples @ self.projection


def orthonormal(channels: int, dim: int) -> torch.Tensor:
    """A fixed matrix (channels, dim) with orthonormal columns."""
    generator = torch.Generator().manual_seed(0)
    return torch.linalg.qr(torch.randn(channels, dim, generator=generator, dtype=torch.float64))[0].float()

# SPDX-License-Identifier: Apache-2.0
"""Soft targets: the student's probabilities follow the teacher's, both softened by a temperature."""

import torch
from scripts.common.sequences import REGIONS
from scripts.losses.output import Output
from scripts.losses.shared import positive_temperature
from torch.nn import functional
from torch.nn.modules.loss import _Loss


def bernoulli_kl(teacher_logits: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
    """KL(sigmoid(teacher) || sigmoid(student)) of each element, in nats and float32, finite for any finite logits."""
    teacher_logits, student_logits = teacher_logits.float(), student_logits.float()
    inside = functional.logsigmoid(teacher_logits) - functional.logsigmoid(student_logits)
    outside = functional.logsigmoid(-teacher_logits) - functional.logsigmoid(-student_logits)
    return torch.sigmoid(teacher_logits) * inside + torch.sigmoid(-teacher_logits) * outside


def voxel_weights(label: torch.Tensor, foreground: float) -> torch.Tensor:
    """Weights of voxels (B, 1, X, Y, Z) with mean 1 over this process's batch.

    Args:
        label: (B, 3, X, Y, Z), regions tc, wt, et.
        foreground: share of the total weight (0 to 1) that lies on the whole tumour and the voxels that touch it. Where
            the batch holds only one kind of voxel, all weigh 1.
    """
    tumour = label[:, REGIONS.index("wt")].unsqueeze(1).float()
    near = functional.max_pool3d(tumour, kernel_size=3, stride=1, padding=1) > 0
    inside, voxels = near.sum(), near.numel()
    weights = torch.where(near, foreground * voxels / inside, (1 - foreground) * voxels / (voxels - inside))
    # a kind of no voxels gives an infinite weight that no voxel takes, but the other kind must then weigh 1
    return torch.where((inside == 0) | (inside == voxels), torch.ones_like(weights), weights)


class SoftTargets(_Loss):
    r"""Soft-label distillation of sigmoid heads.

    .. math:: L = \tau^2 \; \mathrm{mean}_v \; \omega_v \sum_r
        \mathrm{KL}\big(\sigma(z^T_{rv}/\tau) \,\|\, \sigma(z^S_{rv}/\tau)\big)

    :math:`z` are the finest logits, the mean is over batch and voxels. :math:`\tau^2` keeps the size of the gradient
    when the temperature changes.

    The teacher gets no gradient from this loss.

    Source: Hinton et al. 2015 (arXiv:1503.02531); L_KD of KD-Net (Hu et al. 2020, arXiv:2106.09564), tau 5; PMD of EMKD
    (Qin et al. 2021, arXiv:2108.09987), tau 4. They have softmax heads; our regions are nested, so each is a Bernoulli
    of its own. The weights :math:`\omega_v` are ours and 1 by default: most voxels are easy background.

    Args:
        temperature: tau, above 0.
        foreground: share of the weight on and around the tumour, above 0 and at most 1; None for equal weights. See
            ``voxel_weights``.

    Raises:
        ValueError: on arguments outside these ranges.
    """

    layers = ()

    def __init__(self, temperature: float = 5.0, foreground: float | None = None) -> None:
        super().__init__()
        if foreground is not None and not 0 < foreground <= 1:
            raise ValueError(f"foreground is {foreground}, but must be null or a share above 0 and at most 1.")
        self.temperature = positive_temperature(temperature)
        self.foreground = foreground

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``logits[0]`` of shape (B, 3, X, Y, Z).
            label: (B, 3, X, Y, Z), regions tc, wt, et; only its wt is used, and only with ``foreground``.
        """
        target = teacher.logits[0].detach().float()
        kl = bernoulli_kl(target / self.temperature, student.logits[0].float() / self.temperature)
        of_voxels = kl.sum(1, keepdim=True)
        if self.foreground is not None:
            of_voxels = of_voxels * voxel_weights(label, self.foreground)
        return self.temperature**2 * of_voxels.mean()

# SPDX-License-Identifier: Apache-2.0
"""Masked soft targets: the teacher teaches where it is right, in proportion to its advantage over the student."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import positive_temperature
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class MaskedTargets(_Loss):
    r"""Soft-label cross-entropy, weighted by the teacher's advantage.

    .. math:: L = \frac{\sum_{rv} m_{rv} \, \mathrm{CE}\big(\sigma(z^T_{rv}/\tau), \sigma(z^S_{rv}/\tau)\big)}
        {\sum_{rv} m_{rv}}, \qquad
        m_{rv} = \mathrm{sg}\big[ \mathrm{relu}(\ell^S_{rv} - \ell^T_{rv}) \cdot 1[\hat y^T_{rv} = y_{rv}] \big]

    with :math:`\ell` each network's binary cross-entropy with the label (temperature 1), :math:`\hat y^T` the teacher's
    decision (probability above 0.5) and sg the stop-gradient; sums over this process's batch, regions and voxels. 0
    where no m is positive. The teacher gets no gradient. As published, there is no :math:`\tau^2`, and it is a
    cross-entropy, not a divergence: its minimum is the entropy of the softened teacher, not 0.

    Source: PMKL (Chen et al. 2021, IEEE TMI), tau 10. Its mask is per voxel of a softmax; ours is per voxel and region,
    since our heads are sigmoids. It clips the student's probability at 0.005; we need not, working from logits. Its
    other half, contrastive embeddings of whole cases, needs several cases a batch and is left out.

    Args:
        temperature: tau, above 0.

    Raises:
        ValueError: on another temperature.
    """

    layers = ()

    def __init__(self, temperature: float = 10.0) -> None:
        super().__init__()
        self.temperature = positive_temperature(temperature)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``logits[0]`` of shape (B, 3, X, Y, Z).
            label: (B, 3, X, Y, Z), 0 or 1 per region; soft labels between.
        """
        target, logits, label = teacher.logits[0].detach().float(), student.logits[0].float(), label.float()
        mask = self._mask(target, logits.detach(), label)
        soft = functional.binary_cross_entropy_with_logits(
            logits / self.temperature, torch.sigmoid(target / self.temperature), reduction="none"
        )
        # an early teacher may be right nowhere: 0 / tiny is 0
        return (mask * soft).sum() / mask.sum().clamp_min(torch.finfo(torch.float32).tiny)

    @staticmethod
    def _mask(teacher: torch.Tensor, student: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        of_teacher = functional.binary_cross_entropy_with_logits(teacher, label, reduction="none")
        of_student = functional.binary_cross_entropy_with_logits(student, label, reduction="none")
        return functional.relu(of_student - of_teacher) * ((teacher > 0) == (label > 0.5))

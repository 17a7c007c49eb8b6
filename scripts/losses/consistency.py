# SPDX-License-Identifier: Apache-2.0
"""Consistency: the squared difference of the probabilities of teacher and student."""

import torch
from scripts.losses.output import Output
from torch.nn.modules.loss import _Loss


class Consistency(_Loss):
    r"""Squared difference of probabilities.

    .. math:: L = \mathrm{mean}_v \sum_r \big( \sigma(z^T_{rv}) - \sigma(z^S_{rv}) \big)^2

    with the mean over batch and voxels.

    Source: ACN (Wang et al. 2021, MICCAI), whose weight grows as :math:`10 \exp(-5 (1 - t)^2)` over 20 epochs: that is
    ``Term``'s ``weight`` 10 and ``ramp``. The published loss is not detached, so the teacher is pulled as well. Two
    other parts of ACN are left out. Its mutual-information term, as published, regresses the student's feature from the
    student itself and never sees the teacher's. Its two adversaries are unstable at a batch of two.
    """

    layers = ()

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``logits[0]`` of shape (B, 3, X, Y, Z).
            label: not used.
        """
        difference = teacher.logits[0].float().sigmoid() - student.logits[0].float().sigmoid()
        return difference.square().sum(1).mean()

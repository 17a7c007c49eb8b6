# SPDX-License-Identifier: Apache-2.0
"""Deep mutual learning: soft targets in both directions."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import positive_temperature
from scripts.losses.soft_targets import bernoulli_kl
from torch.nn.modules.loss import _Loss


class MutualKL(_Loss):
    r"""Soft labels in both directions.

    .. math:: L = \tau^2 \; \mathrm{mean}_v \sum_r \big[
        \mathrm{KL}(\mathrm{sg}\, p^T_{rv} \,\|\, p^S_{rv}) + \mathrm{KL}(\mathrm{sg}\, p^S_{rv} \,\|\, p^T_{rv}) \big],
        \qquad p = \sigma(z / \tau)

    with sg the stop-gradient: the first term teaches the student alone, the second the teacher alone. The mean is over
    batch and voxels.

    Source: deep mutual learning (Zhang et al. 2018, arXiv:1706.00384); the weight is ours. tau 2 is that of UMMKD (Dou
    et al. 2020). MKD (Li et al. 2020, arXiv:2010.01532) does this between two modalities of different subjects and
    translates one into the other; here both networks see sequences of the same subject, so nothing is translated. Each
    region is a Bernoulli variable, since the heads are sigmoids.

    Args:
        temperature: tau, above 0.

    Raises:
        ValueError: on another temperature.
    """

    layers = ()

    def __init__(self, temperature: float = 2.0) -> None:
        super().__init__()
        self.temperature = positive_temperature(temperature)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``logits[0]`` of shape (B, 3, X, Y, Z).
            label: not used.
        """
        a, b = teacher.logits[0].float() / self.temperature, student.logits[0].float() / self.temperature
        return self.temperature**2 * (bernoulli_kl(a.detach(), b) + bernoulli_kl(b.detach(), a)).sum(1).mean()

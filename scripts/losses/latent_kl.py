# SPDX-License-Identifier: Apache-2.0
"""Latent KL divergence (KD-Net): the student's distribution over channels at each latent voxel follows the teacher's."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import check_same_grid, positive_temperature
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class LatentKL(_Loss):
    r"""KL divergence of channel distributions at the latent voxels.

    .. math:: L = \mathrm{mean}_v \sum_c p^T_{cv} \log \frac{p^T_{cv}}{p^S_{cv}}, \qquad
        p_{\cdot v} = \mathrm{softmax}_c(f_{\cdot v} / \tau)

    :math:`f` is a feature map of ``layer``, the mean is over batch and latent voxels.

    The teacher gets no gradient from this loss.

    Source: L_feat of KD-Net (Hu et al. 2020, arXiv:2106.09564), whose weight and temperature are unknown; without
    :math:`\tau^2`, as there. Re-implementations sum over the voxels: we take the mean, so that a weight found on one
    patch size holds on another. A common order of channels is assumed, so the networks need the same topology.

    Args:
        layer: path of the module whose output is compared.
        temperature: tau, above 0.

    Raises:
        ValueError: on another temperature; at the first call, if the two feature maps differ in channels or grid.
    """

    def __init__(self, layer: str = "bottleneck", temperature: float = 1.0) -> None:
        super().__init__()
        self.layers = (layer,)
        self.temperature = positive_temperature(temperature)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``features[layer]`` of shape (B, C, x, y, z).
            label: not used.
        """
        (layer,) = self.layers
        target, features = teacher.features[layer].detach().float(), student.features[layer].float()
        if target.shape[1] != features.shape[1]:
            raise ValueError(
                f"At '{layer}' the teacher has {target.shape[1]} channels and the student has {features.shape[1]}, but "
                "LatentKL compares channel by channel: give both networks the same topology."
            )
        check_same_grid(target, features, layer)
        log_teacher = functional.log_softmax(target / self.temperature, dim=1)
        log_student = functional.log_softmax(features / self.temperature, dim=1)
        return functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(1).mean()

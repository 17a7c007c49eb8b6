# SPDX-License-Identifier: Apache-2.0
"""The student's features of a target image follow the teacher's of the same image in the source's style."""

import torch
from scripts.losses.shared import check_same_grid, layer_paths
from scripts.unpaired.step import Step
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class Hint(_Loss):
    r"""Hint loss of CMEDL.

    .. math:: L = \sum_l \mathrm{mean} \, (f_S^l(x) - \mathrm{sg} f_T^l(F(x)))^2

    Source: Jiang et al. 2022 (CMEDL, arXiv:2107.07985): the last two layers. The mean over elements is ours.

    ``x`` is a scan of the target, ``F(x)`` its translation to the source's style, ``S`` the student, ``T`` the teacher.

    Args:
        layers: module paths of the layers, equal in both segmentors.

    Raises:
        ValueError: no layer; at the first step, features of other grids.
    """

    def __init__(self, layers: list[str]) -> None:
        super().__init__()
        self.layers = layer_paths(layers)

    def forward(self, step: Step) -> torch.Tensor:
        """The sum over layers; its gradient reaches the student alone."""
        ours = step.output("student", "target").features
        hints = step.output("teacher", "target_as_source", to_network=False).features  # without a gradient
        total = 0.0
        for layer in self.layers:
            check_same_grid(hints[layer], ours[layer], layer)
            total = total + functional.mse_loss(ours[layer].float(), hints[layer].float())
        return total

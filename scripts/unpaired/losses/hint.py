# SPDX-License-Identifier: Apache-2.0
"""The student's features of a target image follow the teacher's of the same image in the source's style."""

import torch
from scripts.losses.shared import check_same_grid, layer_paths
from scripts.unpaired.step import Step, check_image
from torch.nn import functional
from torch.nn.modules.loss import _Loss


class Hint(_Loss):
    r"""Hint loss of CMEDL.

    .. math:: L = \sum_l \mathrm{mean} \, (f_S^l(x) - \mathrm{sg} f_T^l(G(x)))^2

    Source: Jiang et al. 2022 (CMEDL, arXiv:2107.07985): the last two layers. The mean over elements is ours.

    Args:
        layers: module paths of the layers, equal in both segmentors.
        student_image, teacher_image: names of the two images, of which the second is a translation of the first.
        student, teacher: names of the segmentors.

    Raises:
        ValueError: an unknown image or no layer; at the first step, features of other grids.
    """

    def __init__(
        self,
        layers: list[str],
        student_image: str = "target",
        teacher_image: str = "target_as_source",
        student: str = "student",
        teacher: str = "teacher",
    ) -> None:
        super().__init__()
        self.layers = layer_paths(layers)
        self.student_image, self.teacher_image = check_image(student_image), check_image(teacher_image)
        self.student, self.teacher = student, teacher

    def forward(self, step: Step) -> torch.Tensor:
        """The sum over layers; its gradient reaches the student alone."""
        ours = step.output(self.student, self.student_image).features
        hints = step.output(self.teacher, self.teacher_image, to_network=False).features  # without a gradient
        total = 0.0
        for layer in self.layers:
            check_same_grid(hints[layer], ours[layer], layer)
            total = total + functional.mse_loss(ours[layer].float(), hints[layer].float())
        return total

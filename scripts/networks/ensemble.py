# SPDX-License-Identifier: Apache-2.0
"""Teacher and student as one network that gives their mean probability: mutual learning at test time."""

import torch
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES, channels_of
from torch import nn


class Ensemble(nn.Module):
    """The mean of the probabilities of teacher and student (Li et al. 2020, arXiv:2010.01532).

    Args:
        teacher: a network on all channels.
        student: a network on ``student_sequences``.
        student_sequences: sequences that the student sees.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, student_sequences: list[str]) -> None:
        super().__init__()
        self.teacher = teacher
        self.student = student
        self.student_channels = channels_of(student_sequences)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 4, X, Y, Z) to the logits (B, 3, X, Y, Z) of the mean probability, as every network gives logits."""
        if image.shape[1] != len(SEQUENCES):
            raise UserError(
                f"The ensemble was given {image.shape[1]} of {len(SEQUENCES)} sequences, but its teacher needs all: leave the "
                "key sequences out."
            )
        logits = self.teacher(image), self.student(image[:, self.student_channels])
        return torch.logit(sum(torch.sigmoid(z.float()) for z in logits) / 2, eps=1e-6)

# SPDX-License-Identifier: Apache-2.0
"""One network for whatever sequences there are, trained with random sequence dropout: the dedicated students' peer."""

import torch
from torch import nn

from scripts.common.sequences import SEQUENCES, channels_of, limited_subsets, subset_name
from scripts.networks.teacher_student import NetworkGroup

SUBSETS = [*limited_subsets(), SEQUENCES]
FILE = "any_subset.pt"
"""Name of its weights: they are no student's of any subset."""


class AnySubset(NetworkGroup):
    """A student of four input channels in which absent sequences are zero.

    In training each step draws one of the 15 non-empty subsets of the sequences, all equally often (as RFNet and
    mmFormer do; theirs zero features, ours the input, which needs no network of its own). In validation it stands under
    the name of every subset asked for.

    Args:
        student: a network on all channels.
        objective: ``scripts.losses.objective.Objective`` of a student without a teacher.
        subsets: choices of sequences to validate with.
        amp: see ``NetworkGroup``.
    """

    def __init__(
        self, student: nn.Module, objective: nn.Module, subsets: list[tuple[str, ...]], amp: bool = False
    ) -> None:
        super().__init__(amp)
        self.student = student
        self.objective = objective
        self.names = [subset_name(subset) for subset in subsets]
        self.layer(objective.layers)

    def networks(self) -> dict[str, nn.Module]:
        """The one network under each subset's name."""
        return dict.fromkeys(self.names, self.student)

    def network(self, name: str) -> nn.Module:
        return self.student  # also for the subsets that only training draws

    def channels(self, name: str) -> list[int]:
        return channels_of(name)

    def network_input(self, name: str, image: torch.Tensor) -> torch.Tensor:
        """``image`` (B, 4, X, Y, Z) with the channels that the subset lacks set to 0."""
        return only(image, self.channels(name))

    def weights(self, folder: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        return dict.fromkeys(self.names, (f"{folder}/{FILE}", SEQUENCES))

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences.
            label: (B, 3, X, Y, Z), regions tc, wt, et.

        Returns:
            ``loss`` and, detached, each term of it, for one random subset of the sequences.
        """
        drawn = SUBSETS[int(torch.randint(len(SUBSETS), ()))]
        return self.objective(None, self.run(subset_name(drawn), image), label)


def only(image: torch.Tensor, channels: list[int]) -> torch.Tensor:
    """A copy of ``image`` (B, C, X, Y, Z) in which all but these channels are 0."""
    kept = torch.zeros_like(image)
    kept[:, channels] = image[:, channels]
    return kept

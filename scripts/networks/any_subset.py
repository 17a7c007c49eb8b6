# SPDX-License-Identifier: Apache-2.0
"""One network for any subset of the sequences, trained with random sequence dropout."""

from collections.abc import Mapping

import torch
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES, channels_of, limited_subsets, subset_name
from scripts.networks.teacher_student import NetworkGroup
from torch import nn

SUBSETS = [*limited_subsets(), SEQUENCES]
# File name of its weights.
FILE = "any_subset.pt"


class AnySubset(NetworkGroup):
    """A student of four input channels in which absent sequences are zero.

    Each training step draws one of the 15 non-empty subsets of the sequences, as RFNet and mmFormer do; they set
    features to zero, this sets the input to zero, which needs no special network. In validation the network has the
    name of every subset that is asked for.

    Args:
        student: a network on all channels.
        objective: ``scripts.losses.objective.Objective``, without terms that need a teacher unless the network is its
            own.
        subsets: choices of sequences to validate with.
        weights: how much more often a subset is drawn than the others, by name, such as ``{"t1": 3, "t1+t1ce": 3}``;
            all others have weight 1.
        self_distillation: let the same network, with all sequences, be the teacher of each step, as PASSION (Shi et al.
            2024) and M3AE (Liu et al. 2023) do. A step then takes two forward passes.
        amp: see ``NetworkGroup``.

    Raises:
        UserError: a negative weight, or one of an unknown subset.
    """

    def __init__(
        self,
        student: nn.Module,
        objective: nn.Module,
        subsets: list[tuple[str, ...]],
        weights: Mapping[str, float] | None = None,
        amp: bool = False,
        self_distillation: bool = False,
    ) -> None:
        super().__init__(amp)
        self.self_distillation = self_distillation
        self.student = student
        self.objective = objective
        self.names = [subset_name(subset) for subset in subsets]
        self.draw_weights = _draw_weights(weights or {})
        self.record_layers(objective.layers)

    def networks(self) -> dict[str, nn.Module]:
        """The one network under each subset's name."""
        return dict.fromkeys(self.names, self.student)

    def network(self, name: str) -> nn.Module:
        return self.student  # also for the subsets that only training draws

    def way_to_a_teacher(self) -> str | None:
        return None if self.self_distillation else "list configs/self_distillation.json after configs/any_subset.json"

    def channels(self, name: str) -> list[int]:
        return channels_of(name)

    def network_input(self, name: str, image: torch.Tensor) -> torch.Tensor:
        """``image`` (B, 4, X, Y, Z) with the channels that the subset lacks set to 0."""
        return keep_channels(image, self.channels(name))

    def weights(self, folder: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        return dict.fromkeys(self.names, (f"{folder}/{FILE}", SEQUENCES))

    def forward(
        self, image: torch.Tensor, label: torch.Tensor, expert: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences.
            label: (B, 3, X, Y, Z), regions tc, wt, et.
            expert: bool (B,), whether the label is an expert's; None if all are.

        Returns:
            ``loss`` and, detached, each term of it, for one random subset of the sequences.
        """
        teacher = self.run(subset_name(SEQUENCES), image) if self.self_distillation else None
        return self.objective(teacher, self.run(subset_name(self._draw()), image), label, expert)

    def _draw(self) -> tuple[str, ...]:
        if self.draw_weights is None:
            return SUBSETS[int(torch.randint(len(SUBSETS), ()))]
        return SUBSETS[int(torch.multinomial(self.draw_weights, 1))]


def _draw_weights(weights: Mapping[str, float]) -> torch.Tensor | None:
    """Weights in the order of `SUBSETS`; None where all are drawn equally often."""
    given = {subset_name(subset): weight for subset, weight in weights.items()}
    if any(not weight >= 0 for weight in given.values()):
        raise UserError(f"subset_weights is {dict(weights)}, but no weight may be negative.")
    return torch.tensor([float(given.get(subset_name(subset), 1)) for subset in SUBSETS]) if given else None


def keep_channels(image: torch.Tensor, channels: list[int]) -> torch.Tensor:
    """A copy of ``image`` (B, C, X, Y, Z) in which all other channels are 0."""
    kept = torch.zeros_like(image)
    kept[:, channels] = image[:, channels]
    return kept

# SPDX-License-Identifier: Apache-2.0
"""The loss of an unpaired training: the table of terms of `scripts.losses.objective`, whose losses see the whole step."""

from collections.abc import Mapping

import torch
from scripts.common.errors import UserError
from scripts.losses.objective import Objective, Term
from scripts.unpaired.step import Step
from torch import nn


class UnpairedObjective(Objective):
    """Sum of terms ``loss(step) -> scalar or None``; None leaves the term out of this step, such as for want of labels.

    Args:
        terms: as in `scripts.losses.objective.Objective`.

    Raises:
        UserError: a term with ``needs_expert_label``.
    """

    def __init__(self, terms: Mapping[str, Term]) -> None:
        super().__init__(terms)
        for name, term in self.terms.items():
            if term.needs_expert_label:
                raise UserError(
                    f"objective#terms#{name}#needs_expert_label has no effect in an unpaired training, where each loss "
                    "looks for labels itself: leave it out."
                )

    @property
    def adversaries(self) -> dict[str, nn.Module]:
        """The losses with a discriminator by the name of their term (`scripts.unpaired.losses.adversary`)."""
        return {name: term.loss for name, term in self.terms.items() if hasattr(term.loss, "discriminator")}

    def own_parameters(self) -> list[nn.Parameter]:
        """The parameters of the losses, without those of the discriminators."""
        judges = {id(parameter) for parameter in self.discriminator_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in judges]

    def discriminator_parameters(self) -> list[nn.Parameter]:
        """The parameters of all discriminators, for an optimiser of their own."""
        return [p for loss in self.adversaries.values() for p in loss.discriminator.parameters()]

    def forward(self, step: Step) -> dict[str, torch.Tensor]:
        """``loss``, and under each term's name its weighted value, detached."""
        values = {}
        for name, term in self.terms.items():
            weight = term.weight_at(self.progress)
            value = term.loss(step) if weight > 0 else None
            if value is not None:
                values[name] = weight * value
        return self.total(values, step.sides["target"].image.device)

    def discriminator_loss(self, step: Step) -> dict[str, torch.Tensor]:
        """The loss of each discriminator by the name of its term; nothing of it reaches the other networks."""
        active = {
            name: loss for name, loss in self.adversaries.items() if self.terms[name].weight_at(self.progress) > 0
        }
        return {f"discriminator_{name}": loss.discriminator_loss(step) for name, loss in active.items()}

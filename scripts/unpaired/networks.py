# SPDX-License-Identifier: Apache-2.0
"""The networks of an unpaired training in one module: segmentors and translators; the losses have the discriminators."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from scripts.common.errors import UserError
from scripts.common.sequences import channels_of, ordered
from scripts.common.weights import student_file
from scripts.losses.output import Output
from scripts.networks.teacher_student import NetworkGroup
from scripts.unpaired.step import AS, Step
from torch import nn
from torch.func import functional_call

logger = logging.getLogger(__name__)


class UnpairedNetworks(NetworkGroup):
    """Segmentors of one input channel, and translators from one domain's style to the other's.

    Args:
        segmentors: networks by name; ``student`` is the one that is kept for the target.
        objective: ``scripts.unpaired.objective.UnpairedObjective``.
        sequence: the target's.
        translators: a network by the domain whose style it gives, ``source`` or ``target``; none for a recipe without.
        at_test: names of the segmentors that are evaluated on the target and saved.
        amp: see `scripts.networks.teacher_student.NetworkGroup`.

    Raises:
        ValueError: no student, or ``at_test`` without it or with an unknown name.
    """

    def __init__(
        self,
        segmentors: Mapping[str, nn.Module],
        objective: nn.Module,
        sequence: str,
        translators: Mapping[str, nn.Module] | None = None,
        at_test: tuple[str, ...] | list[str] = ("student",),
        amp: bool = False,
    ) -> None:
        super().__init__(amp)
        if "student" not in at_test or not set(at_test) <= set(segmentors):
            raise ValueError(f"at_test is {list(at_test)}, but must name student and others of {list(segmentors)}.")
        self.segmentors = nn.ModuleDict(segmentors)
        self.translators = nn.ModuleDict(translators or {})
        self.objective = objective
        self.sequence = ordered(sequence)
        self.at_test = tuple(at_test)
        self.record_layers(objective.layers, self.segmentors.values())

    def networks(self) -> dict[str, nn.Module]:
        """The segmentors that are evaluated on the target."""
        return {name: self.segmentors[name] for name in self.at_test}

    def network(self, name: str) -> nn.Module:
        return self.segmentors[name]

    def channels(self, name: str) -> list[int]:
        return channels_of(self.sequence)

    def sequences(self, ensemble: bool = False) -> dict[str, tuple[str, ...]]:
        """The target's sequence for each network at test and, on request, for the ``ensemble`` of several.

        The log says if there is no ensemble.
        """
        names = list(self.at_test)
        if ensemble and len(names) > 1:
            names.append("ensemble")
        elif ensemble:
            logger.info("The ensemble is left out: only the student is measured.")
        return dict.fromkeys(names, self.sequence)

    def weights(self, folder: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """``model_flair.pt`` of the student, and such as ``assistant.pt`` of another segmentor."""
        files = {name: student_file(self.sequence) if name == "student" else f"{name}.pt" for name in self.at_test}
        return {name: (str(Path(folder) / file), self.sequence) for name, file in files.items()}

    def trained_parameters(self) -> list[nn.Parameter]:
        """The parameters of segmentors, translators and losses, without those of the discriminators."""
        return [parameter for group in self.parameter_groups() for parameter in group]

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """The parameters of the segmentors with those of the losses, and those of the translators."""
        own = [*self.segmentors.parameters(), *self.objective.own_parameters()]
        return [group for group in (own, list(self.translators.parameters())) if group]

    def rate_groups(self, rate: float, translator_rate: float) -> list[dict]:
        """The same groups for an optimiser, with their learning rates."""
        rates = ({"lr": rate}, {"lr": translator_rate, "betas": (0.5, 0.999)})  # that momentum is usual for GANs
        return [{"params": group} | own for group, own in zip(self.parameter_groups(), rates)]

    def student_objectives(self) -> list[tuple[nn.Module, list[nn.Parameter]]]:
        return [(self.objective, list(self.segmentors["student"].parameters()))]

    def translator(self, image: str, to: str) -> nn.Module:
        """The translator that makes ``image`` one of the domain ``to``; UserError if this recipe has none."""
        if to not in self.translators:
            there = f"translates to the {' and the '.join(self.translators)} alone" if self.translators else "has none"
            raise UserError(
                f"A term of the loss names the image {image}{AS}{to}, which needs a translator to the {to}, but this "
                f"recipe {there}: name other images, or list an overlay with this translator first (mkd.json, "
                "cmedl.json, dsan.json)."
            )
        return self.translators[to]

    def translate(self, step: Step, image: str, to: str) -> torch.Tensor:
        """An image of the step in the style of the domain ``to``, (B, 1, X, Y, Z).

        Raises:
            UserError: no such translator.
        """
        translator, pixels = self.translator(image, to), step.image(image)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.amp):
            return translator(pixels).float()

    def run_on(self, name: str, image: torch.Tensor, domain: str, to_network: bool = True) -> Output:
        """The output of a segmentor.

        Args:
            name: of the segmentor.
            image: (B, 1, X, Y, Z).
            domain: whose style the image has.
            to_network: whether the network's parameters get a gradient.

        Raises:
            UserError: no such segmentor.
        """
        if name not in self.segmentors:
            raise UserError(
                f"A term of the loss names the network '{name}', but this recipe has {' and '.join(self.segmentors)}: "
                "correct the term, or list the overlay that has this network first."
            )
        network = self.segmentors[name]
        return self.recorded(network, image.device, lambda: run_network(network, image, to_network))

    def forward(self, step: Step) -> dict[str, torch.Tensor]:
        """``loss`` (a scalar to minimise) and, detached, each weighted term of it by name."""
        return self.objective(step)


def run_network(network: nn.Module, image, to_network: bool = False):
    """The network's result; the image gets a gradient, and its parameters with ``to_network`` alone."""
    if to_network:
        return network(image)
    frozen = {name: parameter.detach() for name, parameter in network.named_parameters()}
    # a DynUNet has its modules under two names: with ties, torch 2.13 would leave the detached tensors in it
    return functional_call(network, frozen, (image,), tie_weights=False)

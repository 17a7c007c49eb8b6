"""Networks whose results can be worked out by hand, and one step of them."""

import torch
from scripts.losses.output import Output
from scripts.unpaired.networks import run_network
from scripts.unpaired.pairs import Side
from scripts.unpaired.step import Step
from torch import nn


class Times(nn.Module):
    """Multiplies by one parameter."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return x * self.factor


class StubNetworks(nn.Module):
    """The student triples an image, the teacher doubles it; to the target's style it grows by 10, back by a tenth.

    Logits are the product in three regions, and the feature map ``layer`` is the product.
    """

    amp = False

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = Times(3.0), Times(2.0)
        self.target, self.source = Times(10.0), Times(0.1)
        self.runs = []

    def translate(self, step, image, to):
        return getattr(self, to)(step.image(image))

    def run_on(self, name, image, domain, to_network=True):
        self.runs.append((name, domain, to_network))
        product = run_network(getattr(self, name), image, to_network)
        return Output([product.repeat(1, 3, 1, 1, 1)], {"layer": product})


def side(value: float, labelled=(True,), size: int = 4, label: float = 0.0) -> Side:
    """Patches of one value in all but the first plane, which is background."""
    image = torch.full((len(labelled), 1, size, size, size), value)
    image[:, :, 0] = 0
    return Side(image, torch.full((len(labelled), 3, size, size, size), label), torch.tensor(labelled))


def step(source: Side | None = None, target: Side | None = None, networks=None) -> Step:
    """A step of source patches of value 1 and target patches of value 2."""
    networks = StubNetworks() if networks is None else networks
    return Step(networks, source or side(1.0), target or side(2.0))

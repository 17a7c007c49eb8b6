# SPDX-License-Identifier: Apache-2.0
"""Networks of UMMKD: all convolutions are shared, each domain has its own normalisation."""

import torch
from scripts.losses.output import Output
from scripts.unpaired.networks import UnpairedNetworks
from torch import nn


class PrivateNorms(UnpairedNetworks):
    """The student serves both domains; for source images each of its normalisations has a scale and a shift of its own.

    Source: Dou et al. 2020 (UMMKD, TMI), where both domains have private batch norms. Here the student's instance norms
    compute the statistics of each image and have no parameters. So the target's scale and shift stay 1 and 0, and those
    of the source are learned beside them: the student remains a DynUNet like any other.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        student = self.segmentors["student"]
        norms = [module for module in student.modules() if isinstance(module, nn.InstanceNorm3d)]
        self.scales, self.shifts = nn.ParameterList(), nn.ParameterList()
        device = next(student.parameters()).device
        for norm in norms:
            shape = (norm.num_features, 1, 1, 1)
            self.scales.append(nn.Parameter(torch.ones(shape, device=device)))
            self.shifts.append(nn.Parameter(torch.zeros(shape, device=device)))
            norm.register_forward_hook(self._adjust(len(self.scales) - 1))
        self._of_source = False

    def _adjust(self, number: int):
        def hook(module, inputs, output):
            if not self._of_source:
                return None
            return (output * self.scales[number] + self.shifts[number]).to(output.dtype)

        return hook

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        own, *others = super().parameter_groups()
        return [[*own, *self.scales, *self.shifts], *others]

    def run_on(self, name: str, image: torch.Tensor, domain: str, to_network: bool = True) -> Output:
        self._of_source = domain == "source"
        try:
            return super().run_on(name, image, domain, to_network)
        finally:
            self._of_source = False

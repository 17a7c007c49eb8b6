# SPDX-License-Identifier: Apache-2.0
"""Networks of the VAE prior: the student's encoder gives a distribution of latents, from which training samples."""

import torch
from scripts.losses.output import Output
from scripts.unpaired.shared_encoder import SharedEncoder
from torch import nn

# Names under which an output holds the parameters of a layer's distribution.
MEAN, LOG_VARIANCE = "{}.mean", "{}.log_variance"


class VariationalEncoder(SharedEncoder):
    """A `SharedEncoder` whose features are means of normal distributions (Ouyang et al. 2019, MICCAI).

    In training, the decoder of the segmentation and that of the reconstruction see a sample z = mean + sigma * noise of
    each encoder level. At test the student sees the mean, so that it is a DynUNet like any other. Sampling every level
    that the decoder uses is ours: a skip connection without a prior would be a way around it.

    Attributes:
        log_variances: a 1 x 1 x 1 convolution for each level, which gives -`START` at first.
    """

    START = 4.0  # log variance -4: a standard deviation of 0.14 leaves the features readable at first

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        student = self.segmentors["student"]
        modules = dict(student.named_modules())
        self.log_variances = nn.ModuleList()
        for channels in student.filters:
            head = nn.Conv3d(channels, channels, kernel_size=1)
            nn.init.zeros_(head.weight)
            nn.init.constant_(head.bias, -self.START)
            self.log_variances.append(head)
        self.log_variances.to(next(student.parameters()).device)
        self._sampling = False
        self._distributions: dict[str, torch.Tensor] = {}
        for layer, head in zip(self.encoder, self.log_variances):
            # before the hook that records the layer, which then sees the sample
            modules[layer].register_forward_hook(self._sample(layer, head), prepend=True)

    def _sample(self, layer: str, head: nn.Module):
        def hook(module, inputs, mean):
            if not self._sampling:
                return None
            log_variance = head(mean).float().clamp(-10, 10)
            self._distributions[MEAN.format(layer)] = mean
            self._distributions[LOG_VARIANCE.format(layer)] = log_variance
            return mean + (torch.exp(0.5 * log_variance) * torch.randn_like(log_variance)).to(mean.dtype)

        return hook

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        own, *others = super().parameter_groups()
        return [[*own, *self.log_variances.parameters()], *others]

    def run_on(self, name: str, image: torch.Tensor, domain: str, to_network: bool = True) -> Output:
        self._sampling = self.training
        try:
            output = super().run_on(name, image, domain, to_network)
        finally:
            self._sampling = False
        output.features |= self._distributions
        self._distributions = {}
        return output

# SPDX-License-Identifier: Apache-2.0
"""What a network gives the losses: its logits at every scale, and features of named layers."""

from dataclasses import dataclass, field

import torch


@dataclass
class Output:
    """What one network gives for a batch.

    Attributes:
        logits: one tensor a scale, finest first, (B, 3, X/2^s, Y/2^s, Z/2^s); not probabilities.
        features: feature maps by module path, e.g. ``{"bottleneck": (B, C, x, y, z)}``.
    """

    logits: list[torch.Tensor]
    features: dict[str, torch.Tensor] = field(default_factory=dict)

    def select(self, samples: torch.Tensor) -> "Output":
        """The output for some samples of the batch, chosen by a bool tensor (B,)."""
        features = {layer: tensor[samples] for layer, tensor in self.features.items()}
        return Output([tensor[samples] for tensor in self.logits], features)

    def detach(self) -> "Output":
        """The same tensors without their gradient."""
        features = {layer: tensor.detach() for layer, tensor in self.features.items()}
        return Output([tensor.detach() for tensor in self.logits], features)

# SPDX-License-Identifier: Apache-2.0
"""Keep feature maps channels last on a CPU with bfloat16, where 3D convolutions take less time in that layout."""

import torch
from torch import nn
from torch.nn import functional


class ChannelsLastNorm(nn.InstanceNorm3d):
    """An instance norm whose result is channels last if its input is bfloat16 on a CPU; the values are the same.

    PyTorch's own makes each input contiguous, so that the next convolution has to reorder it. A batch norm of one image
    is an instance norm, and keeps the layout. What lies between two norms keeps it, too.

    Measured with torch 2.13 on one core of an AMD EPYC with AVX512_BF16, for a training step of a DynUNet: 1.07 s instead
    of 1.22 s (default filters, 72 x 80 x 64 voxels), 0.14 s instead of 0.23 s (half the filters, 48 x 56 x 48 voxels). A
    forward pass alone gains nothing that could be measured. In float32 and on other devices nothing changes.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, C, X, Y, Z) to the same."""
        if image.dtype != torch.bfloat16 or image.device.type != "cpu":
            return super().forward(image)
        image = image.contiguous(memory_format=torch.channels_last_3d)
        normalised = [
            functional.batch_norm(one, None, None, self.weight, self.bias, training=True, eps=self.eps)
            for one in image.split(1)
        ]
        return normalised[0] if len(normalised) == 1 else torch.cat(normalised)


def with_channels_last(network: nn.Module) -> nn.Module:
    """The same network, after making its instance norms, in place, `ChannelsLastNorm`. Its weights stay as they are."""
    for module in network.modules():
        if type(module) is nn.InstanceNorm3d and not module.track_running_stats:
            module.__class__ = ChannelsLastNorm
    return network

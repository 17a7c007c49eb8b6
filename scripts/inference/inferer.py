# SPDX-License-Identifier: Apache-2.0
"""Inference in the bounding box of the brain, in one window if memory allows."""

import itertools
import math

import torch
from monai.inferers import Inferer, sliding_window_inference
from scripts.common.errors import ScanError, UserError
from scripts.common.foreground import bounding_box
from scripts.common.metrics import dice
from scripts.common.sequences import REGIONS
from torch.nn import functional


class BrainBoxInferer(Inferer):
    """Region probabilities of a whole scan, computed in the bounding box of the brain.

    Most of a scan is background, and overlapping windows compute the brain about three times. So this inferer cuts out
    the box around the non-zero voxels of the network's own input channels. A box of at most ``max_voxels`` is computed
    in one window, a larger one in sliding windows with Gaussian blending (MONAI ``sliding_window_inference``).

    Args:
        roi_size: size in voxels of the sliding window.
        max_voxels: size of the largest box that is computed in one window; a DynUNet of 1.4 million parameters needs
            about 0.4 kB of memory a voxel.
        overlap: of the sliding windows, 0 to 1.
        divisor: the box is padded to multiples of it (the product of the network's strides).
        mirror: average over the eight mirror images (test-time augmentation), which takes eight times as long. The
            result then has ``meta["mirror_disagreement"]``, see `mirror_disagreement`.
        amp: run the network in bfloat16.

    Raises:
        UserError: an overlap, divisor or max_voxels out of range.
    """

    def __init__(
        self,
        roi_size: tuple[int, int, int] | list[int] = (96, 96, 96),
        max_voxels: int = 4_000_000,
        overlap: float = 0.5,
        divisor: int = 8,
        mirror: bool = False,
        amp: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= overlap < 1 or divisor < 1 or max_voxels < 0:
            raise UserError(
                f"The inferer has overlap {overlap}, divisor {divisor} and max_voxels {max_voxels}: give an overlap from 0 to "
                "below 1, a divisor of at least 1 and max_voxels of at least 0."
            )
        self.roi_size = tuple(roi_size)
        self.max_voxels = max_voxels
        self.overlap = overlap
        self.divisor = divisor
        self.mirror = mirror
        self.amp = amp

    @torch.no_grad()
    def __call__(self, inputs: torch.Tensor, network, *args, **kwargs) -> torch.Tensor:
        """
        Args:
            inputs: (1, C, X, Y, Z), background exactly 0 in every channel.
            network: maps the inputs to logits (1, 3, X, Y, Z).

        Returns:
            float32 probabilities (1, 3, X, Y, Z), 0 outside the box; a MetaTensor with the same geometry if ``inputs``
            is one.

        Raises:
            ValueError: more than one scan.
        """
        if inputs.shape[0] != 1:
            raise ValueError(f"BrainBoxInferer takes one scan at a time, not a batch of {inputs.shape[0]}.")
        plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
        box = bounding_box((plain[0] != 0).any(dim=0).cpu().numpy())
        if box[0].stop == 0:  # an empty scan: any small box will do
            box = (slice(0, 1),) * 3
        cut = plain[(slice(None), slice(None), *box)]
        axes = [c for n in range(4) for c in itertools.combinations((2, 3, 4), n)] if self.mirror else [()]
        probability, views = 0, []
        for axis in axes:
            view = self._probabilities(cut.flip(axis), network).flip(axis)
            probability = probability + view / len(axes)
            views.append(view[0] > 0.5)
        if not torch.isfinite(probability).all():
            raise ScanError("the network's prediction is not finite: check the scan's intensities and the weights.")
        result = plain.new_zeros((1, probability.shape[1], *plain.shape[2:]), dtype=torch.float32)
        result[(slice(None), slice(None), *box)] = probability
        if hasattr(inputs, "as_tensor"):
            # one row per scan of the batch, so that decollating splits it, too
            added = {"mirror_disagreement": mirror_disagreement(views, probability[0])[None]} if self.mirror else {}
            return type(inputs)(result, meta=inputs.meta | added, applied_operations=inputs.applied_operations)
        return result

    def _probabilities(self, cut: torch.Tensor, network) -> torch.Tensor:
        padded_shape = [math.ceil(n / self.divisor) * self.divisor for n in cut.shape[2:]]
        # instance norm needs more than one voxel in the lowest level
        padded_shape = [max(n, 2 * self.divisor) for n in padded_shape]
        after = [extra for n, m in zip(reversed(cut.shape[2:]), reversed(padded_shape)) for extra in (0, m - n)]
        padded = functional.pad(cut, after)
        with torch.autocast(cut.device.type, torch.bfloat16, enabled=self.amp):
            if math.prod(padded_shape) <= self.max_voxels:
                logits = network(padded)
            else:
                logits = sliding_window_inference(
                    padded, self.roi_size, 1, lambda x: network(x).float(), overlap=self.overlap, mode="gaussian"
                )
        return torch.sigmoid(logits[(..., *(slice(n) for n in cut.shape[2:]))].float())


def mirror_disagreement(views: list[torch.Tensor], mean: torch.Tensor) -> torch.Tensor:
    """Disagreement of mirrored predictions, for each region: 1 - the mean Dice of each prediction with their mean.

    Args:
        views: bool regions (3, X, Y, Z) predicted from each mirror image, mirrored back.
        mean: the mean of their probabilities (3, X, Y, Z); its threshold here is 0.5.

    Returns:
        (3,) from 0 (all agree) to 1, in the order of `scripts.common.sequences.REGIONS`.
    """
    whole = (mean > 0.5).cpu().numpy()
    views = [view.cpu().numpy() for view in views]
    agreed = [sum(dice(view[r], whole[r]) for view in views) / len(views) for r in range(len(REGIONS))]
    return 1 - torch.tensor(agreed)


class NetworksInferer(Inferer):
    """Run every network of a ``scripts.networks.teacher_student.NetworkGroup`` on its own sequences.

    Args:
        inferer: runs one network.
        ensemble: also return ``ensemble``, the mean of all networks' probabilities (Li et al. 2020, MKD, at test time).
    """

    def __init__(self, inferer: Inferer, ensemble: bool = False) -> None:
        super().__init__()
        self.inferer = inferer
        self.ensemble = ensemble

    def __call__(self, inputs: torch.Tensor, network, *args, **kwargs) -> dict[str, torch.Tensor]:
        """Probabilities (1, 3, X, Y, Z) by network name, such as teacher and student, of ``inputs`` (1, 4, X, Y, Z)."""
        result = {
            name: self.inferer(network.network_input(name, inputs), net) for name, net in network.networks().items()
        }
        return result | ({"ensemble": sum(result.values()) / len(result)} if self.ensemble else {})

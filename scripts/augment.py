# SPDX-License-Identifier: Apache-2.0
"""Augmentation of real scans: another scanner, with the effects that simulated ones get."""

import torch

from scripts.artefacts import scan
from scripts.smooth_fields import Draws


class Rescan(torch.nn.Module):
    """Adds the bias field, noise, blur, thick slices and intensity errors of ``scripts.artefacts`` to real scans.

    Ours: one model of a scanner serves simulated and real subjects, so that mixing them leaves no other cue.

    Args:
        spacing: mm per voxel.
        strength: 0 leaves the scans as they are, 1 is calibrated to the differences between BraTS scans.
    """

    def __init__(self, spacing: float, strength: float = 0.5) -> None:
        super().__init__()
        self.spacing, self.strength = float(spacing), float(strength)

    @torch.no_grad()
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 4, X, Y, Z) in z-units, background 0, to the same; each subject with its own random numbers."""
        if self.strength == 0:
            return image
        seeds = torch.randint(2**62, (len(image),)).tolist()
        return torch.stack([self._one(subject, seed) for subject, seed in zip(image, seeds)])

    def _one(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        inside = image != 0
        draws = Draws(seed, image.shape[1:], self.spacing, image.device)
        return scan(image, inside.any(dim=0).to(image.dtype), draws, self.strength) * inside

# SPDX-License-Identifier: Apache-2.0
"""Augmentation of real scans: another pose, and the acquisition effects that simulated scans have."""

import torch
from monai.transforms import RandAffined
from scripts.simulation.acquisition import add_acquisition_effects
from scripts.simulation.smooth_fields import Draws


class AcquisitionEffects(torch.nn.Module):
    """Add the effects of ``scripts.simulation.acquisition`` to real scans: bias field, noise, blur, thick slices, ...

    Ours. Simulated and real subjects get the same effects, so that a network cannot tell them apart by these.

    Args:
        spacing: mm per voxel.
        strength: 0 changes nothing, 1 is calibrated to the differences between BraTS scans.
    """

    def __init__(self, spacing: float, strength: float = 0.5) -> None:
        super().__init__()
        self.spacing, self.strength = float(spacing), float(strength)

    @torch.no_grad()
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 4, X, Y, Z) in z-units, background 0, to the same; each subject has its own random numbers."""
        if self.strength == 0:
            return image
        seeds = torch.randint(2**62, (len(image),)).tolist()
        return torch.stack([self._one(subject, seed) for subject, seed in zip(image, seeds)])

    def _one(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        inside = image != 0
        draws = Draws(seed, image.shape[1:], self.spacing, image.device)
        return add_acquisition_effects(image, inside.any(dim=0).to(image.dtype), draws, self.strength) * inside


class RandomPose:
    """Rotate, scale and shear a real scan with its label map (MONAI ``RandAffined``), padded with 0.

    Args:
        prob: probability.
        rotation: largest angle about each axis, in degrees.
        scale: largest relative change of size along each axis.
        shear: largest shear factor.
    """

    def __init__(self, prob: float, rotation: float, scale: float, shear: float) -> None:
        radians = torch.deg2rad(torch.tensor(rotation)).item()
        self.affine = RandAffined(
            ("image", "label"),
            prob=prob,
            rotate_range=[(-radians, radians)] * 3,
            scale_range=[(-scale, scale)] * 3,
            shear_range=[(-shear, shear)] * 6,
            mode=("bilinear", "nearest"),
            padding_mode="zeros",
        )

    def __call__(self, image: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(4, X, Y, Z) and (3, X, Y, Z) to the same; drawn from torch's generator, so that a resumed run repeats it."""
        self.affine.set_random_state(seed=int(torch.randint(2**31, ())))
        moved = self.affine({"image": image, "label": label})
        return moved["image"].as_tensor(), moved["label"].as_tensor()

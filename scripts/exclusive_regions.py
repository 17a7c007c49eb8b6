# SPDX-License-Identifier: Apache-2.0
"""The nested regions tc, wt, et as four mutually exclusive ones, and mean features over them."""

import torch
from torch.nn import functional

from scripts.sequences import REGIONS

EXCLUSIVE_REGIONS = ("background", "oedema", "core", "enhancing")
"""Order of the exclusive regions; core is the tumour core that does not enhance."""


def exclusive_regions(label: torch.Tensor) -> torch.Tensor:
    """Nested regions (B, 3, X, Y, Z) to exclusive ones (B, 4, X, Y, Z), float32, one of them 1 at each voxel."""
    tc, wt, et = (label[:, REGIONS.index(name)].float() for name in ("tc", "wt", "et"))
    return torch.stack([1 - wt, wt - tc, tc - et, et], dim=1)


def region_means(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean feature vector of each exclusive region, in the precision of ``features``.

    Args:
        features: (B, C, x, y, z).
        label: (B, 3, X, Y, Z); brought to the grid of the features by the nearest voxel.

    Returns:
        means (B, 4, C), zero where a region has no voxel on that grid, and whether it has one (B, 4), bool.
    """
    if label.shape[2:] != features.shape[2:]:
        label = functional.interpolate(label.float(), size=features.shape[2:], mode="nearest-exact")
    masks = exclusive_regions(label).flatten(2).to(features.dtype)
    voxels = masks.sum(2, keepdim=True)
    sums = masks @ features.flatten(2).transpose(1, 2)
    return sums / voxels.clamp_min(1), voxels.squeeze(2) > 0

# SPDX-License-Identifier: Apache-2.0
"""Helpers of several distillation losses: checks, means over regions, and sums over processes."""

import math
from collections.abc import Iterable

import ignite.distributed as idist
import torch
import torch.distributed as dist
from scripts.common.sequences import REGIONS
from torch.distributed._functional_collectives import all_reduce
from torch.nn import functional


def positive_temperature(temperature: float) -> float:
    """The temperature; ValueError unless it is positive and finite."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"The temperature is {temperature}, but must be positive and finite.")
    return float(temperature)


def layer_paths(layers: Iterable[str]) -> tuple[str, ...]:
    """Module paths as a tuple; ValueError on none, on one named twice, and on a bare text, which would be letters."""
    if isinstance(layers, str):
        raise ValueError(f"layers is the text '{layers}', but must be a list of module paths, such as ['{layers}'].")
    layers = tuple(layers)
    if not layers or len(set(layers)) < len(layers):
        raise ValueError(f"layers is {list(layers)}, but must name at least one module path, and each once.")
    return layers


def check_same_grid(teacher: torch.Tensor, student: torch.Tensor, layer: str) -> None:
    """ValueError if two feature maps (B, C, x, y, z) of a layer cannot be compared voxel by voxel."""
    if teacher.shape[2:] != student.shape[2:]:
        raise ValueError(
            f"At '{layer}' the teacher's feature map has {tuple(teacher.shape[2:])} voxels and the student's has "
            f"{tuple(student.shape[2:])}, but they must be equal: compare layers of the same scale."
        )


# Order of the exclusive regions; core is the tumour core that does not enhance.
EXCLUSIVE_REGIONS = ("background", "oedema", "core", "enhancing")


def exclusive_regions(label: torch.Tensor) -> torch.Tensor:
    """Nested regions (B, 3, X, Y, Z) to exclusive ones (B, 4, X, Y, Z), float32, whose sum is 1 at each voxel.

    Of soft labels they are shares.
    """
    tc, wt, et = (label[:, REGIONS.index(name)].float() for name in ("tc", "wt", "et"))
    return torch.stack([1 - wt, wt - tc, tc - et, et], dim=1)


def region_means(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean feature vector of each exclusive region, in the precision of ``features`` (soft labels: weighted by them).

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


def summed_over_processes(value: torch.Tensor) -> torch.Tensor:
    """Sum over all processes, differentiable; the value itself in a run of one process."""
    return all_reduce(value, "sum", dist.group.WORLD) if idist.get_world_size() > 1 else value


def voxels_as_samples(features: torch.Tensor) -> torch.Tensor:
    """(B, C, x, y, z) -> (B x y z, C), in the order of `latent_foreground`."""
    return features.flatten(2).transpose(1, 2).flatten(0, 1)


def latent_foreground(label: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Which latent voxels hold or touch any region of ``label`` (B, 3, X, Y, Z): bool (B x y z,) on a grid ``size``."""
    tumour = label.amax(dim=1, keepdim=True).float()
    coarse = functional.adaptive_max_pool3d(tumour, size)
    return functional.max_pool3d(coarse, kernel_size=3, stride=1, padding=1).flatten() > 0


def balanced_weights(foreground: torch.Tensor) -> torch.Tensor:
    """Weights of samples that sum to one over the global batch, half of it on the foreground.

    Args:
        foreground: bool tensor (N,) of this process's samples. Where the global batch holds only one kind, all samples
            weigh the same.
    """
    count = torch.stack([foreground.sum(), (~foreground).sum()]).to(torch.float32)
    count = summed_over_processes(count)
    kinds = (count > 0).sum()
    share = torch.where(foreground, count[0], count[1])
    return 1.0 / (share * kinds)

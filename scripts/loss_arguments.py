# SPDX-License-Identifier: Apache-2.0
"""Refusals that several distillation losses share."""

import math
from collections.abc import Iterable

import torch


def positive_temperature(temperature: float) -> float:
    """The temperature; ValueError unless it is positive and finite."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"The temperature is {temperature}, but must be positive and finite.")
    return float(temperature)


def tap_paths(taps: Iterable[str]) -> tuple[str, ...]:
    """Module paths as a tuple; ValueError on none, on one named twice, and on a bare text, which would be letters."""
    if isinstance(taps, str):
        raise ValueError(f"taps is the text '{taps}', but must be a list of module paths, such as ['{taps}'].")
    taps = tuple(taps)
    if not taps or len(set(taps)) < len(taps):
        raise ValueError(f"taps is {list(taps)}, but must name at least one module path, and each once.")
    return taps


def check_same_grid(teacher: torch.Tensor, student: torch.Tensor, tap: str) -> None:
    """ValueError if two feature maps (B, C, x, y, z) of a tap cannot be compared voxel by voxel."""
    if teacher.shape[2:] != student.shape[2:]:
        raise ValueError(
            f"At '{tap}' the teacher's feature map has {tuple(teacher.shape[2:])} voxels and the student's has "
            f"{tuple(student.shape[2:])}, but they must be equal: tap both networks at the same scale."
        )

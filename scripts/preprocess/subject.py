# SPDX-License-Identifier: Apache-2.0
"""Make one subject ready: convert, choose, register, strip, resample, and write all of it or nothing."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.common.files import hash_of
from scripts.common.json_files import save_json
from scripts.common.metrics import voxel_ml
from scripts.common.whole_folder import whole_folder
from scripts.data.background import check_background
from scripts.data.check_scan import check_signal
from scripts.data.load_scan import load_volume
from scripts.preprocess.brain import masks_in_scan_grids
from scripts.preprocess.choose import choose
from scripts.preprocess.convert import convert
from scripts.preprocess.grid import resample
from scripts.preprocess.packages import versions
from scripts.preprocess.raw_files import check_name, fingerprints, raw_files
from scripts.preprocess.record import is_ready, preprocess_record_path
from scripts.preprocess.reference import reference_of
from scripts.preprocess.register import centre, motion, register
from scripts.preprocess.series import Series, read_series

# Where converted DICOM series stay, in the folder of the ready subjects; inference leaves hidden folders out.
CONVERTED = ".converted"
# A scan that covers less of the brain is told.
WHOLE = 0.9


def make_ready(
    subject: str, folder: Path, ready: Path, wishes: Mapping[str, str | None] | None = None, registered: bool = False
) -> dict | None:
    """Make one subject ready for the networks, in ``<ready>/<subject>``.

    Args:
        subject: its name.
        folder: its raw scans.
        ready: folder of the ready subjects.
        wishes: of `scripts.preprocess.choose.choose`.
        registered: the scans are registered already, so that they are only resampled.

    Returns:
        Its record; None if it was ready.

    Raises:
        ScanError: the subject cannot be made ready; the message says why and what to do.
        UserError: a package is missing.
    """
    check_name(subject)
    files = raw_files(folder)
    made_of_files, made_of_dicom = fingerprints(folder, files)
    made_of = _hash(made_of_files, dict(wishes or {}), registered)
    if is_ready(ready, subject, made_of):
        return None
    converted = []
    if files.dicom:
        converted = convert(subject, folder, files.dicom, ready / CONVERTED / subject, made_of_dicom)
    if not (files.scans or converted):
        raise ScanError(f"{subject}: {folder} has no DICOM and no NIfTI file: add its scans, or take the folder away.")
    series = [read_series(subject, file, False) for file in files.scans]
    series += [read_series(subject, file, True) for file in converted]
    chosen, left = choose(subject, series, wishes)
    reference = reference_of({name: scan for name, (scan, _) in chosen.items()})
    scans = {name: _load(subject, name, scan) for name, (scan, _) in chosen.items()}
    masks, brain_from = masks_in_scan_grids(subject, scans, files.masks, reference)
    transforms = {name: np.eye(4) for name in scans}
    fixed = _pair(scans[reference])
    for name in scans.keys() - {reference} if not registered else ():
        transforms[name] = register(subject, fixed, _pair(scans[name]), (reference, name))
    record = {
        "subject": subject,
        "made_of": made_of,
        "raw": str(folder.absolute()),
        "packages": versions(),
        "reference": reference,
        "registered_before": registered,
        "grid": _grid(scans[reference]),
        "brain": {"from": brain_from},
        "sequences": {},
        "not_used": [{"scan": scan.title, "file": str(scan.file), "why": why} for scan, why in left],
        "label_maps_not_used": [str(file) for file in files.label_maps],
    }
    with whole_folder(ready / subject) as temporary:
        brains = _brains(scans, masks, transforms, reference)
        for name, scan in scans.items():
            volume, facts = _ready_scan(subject, name, scan, scans[reference], transforms[name], brains[name])
            saved = temporary / f"{subject}_{name}.nii.gz"
            nib.save(nib.Nifti1Image(volume, np.asarray(scans[reference].affine)), saved)
            source, why = chosen[name]
            record["sequences"][name] = _entry(source, why, scan, transforms[name], fixed) | facts
            record["sequences"][name] |= {"saved": saved.name, "sha256": hash_of(saved)}
        record["brain"]["ml"] = round(float(brains[reference].sum()) * voxel_ml(scans[reference].affine), 1)
        save_json(temporary / preprocess_record_path(ready, subject).name, record)
    return record


def _hash(*parts) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _load(subject: str, name: str, scan: Series) -> MetaTensor:
    volume, path = load_volume(subject, name, str(scan.file), {})
    check_signal(subject, name, volume, path)
    return volume


def _pair(scan: MetaTensor) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(scan.as_tensor()), np.asarray(scan.affine, dtype=float)


def _grid(scan: MetaTensor) -> dict:
    return {"shape": list(scan.shape), "affine": np.asarray(scan.affine, dtype=float).tolist()}


def _brains(scans, masks, transforms, reference: str) -> dict[str, np.ndarray]:
    """The brain of each scan on the grid of the reference, bool; one for all if there is one mask."""
    shape, affine = scans[reference].shape, scans[reference].affine
    resampled = {
        name: resample(mask, scans[name].affine, shape, affine, transforms[name]) >= 0.5 for name, mask in masks.items()
    }
    return {name: resampled.get(name, next(iter(resampled.values()))) for name in scans}


def _ready_scan(subject: str, name: str, scan, reference, transform, brain) -> tuple[np.ndarray, dict]:
    volume, affine = _pair(scan)
    grid = reference.shape, reference.affine
    covered = (
        resample(np.ones(volume.shape), affine, *grid, transform, nearest=True)[brain].mean() if brain.any() else 0.0
    )
    ready = np.where(brain, resample(volume, affine, *grid, transform), 0)
    if not ready.any():
        raise ScanError(f"{subject}: the mask of the brain leaves nothing of the {name}: look at both.")
    check_background(subject, name, MetaTensor(ready).as_tensor(), f"the masked {name}", voxel_ml(reference.affine))
    if (volume == volume.round()).all() and 100 <= ready.max() < 2**15 and ready.min() >= -(2**15):
        ready = np.round(ready).astype(np.int16)
    return ready, {"covered": round(float(covered), 4)}


def _entry(source: Series, why: str, scan: MetaTensor, transform: np.ndarray, fixed: tuple) -> dict:
    turned, moved = motion(transform, centre(*fixed))
    return {
        "scan": source.title,
        "file": str(source.file.absolute()),
        "why": why,
        "facts": source.facts,
        "grid": _grid(scan),
        "ready_to_scan": transform.tolist(),
        "turned_degrees": round(turned, 3),
        "moved_mm": round(moved, 3),
    }

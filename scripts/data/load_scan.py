# SPDX-License-Identifier: Apache-2.0
"""Load the chosen sequences of one subject from NIfTI, and refuse files that cannot be used."""

from collections.abc import Iterable

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Transform
from scripts.common.errors import ScanError
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import ordered, subset_name
from scripts.data.background import check_background
from scripts.data.check_scan import (
    check_affine,
    check_distinct,
    check_extent,
    check_no_label_map,
    check_signal,
    little_in_common,
)
from scripts.data.item_files import file_of
from scripts.data.label_values import whole_numbers
from scripts.data.read_nifti import read_nifti
from scripts.data.same_grid import check_grid, resample_to_first, shape_text


class LoadSequencesd(Transform):
    """Load a datalist item into `image`, float32 (C, X, Y, Z), and on request `label`, int32 (1, X, Y, Z).

    The channels are the chosen sequences in the teacher's order. Both are MetaTensors with the affine (RAS, mm) and, as
    `meta["filename_or_obj"]`, the path of the first sequence or of the label. The result keeps `subject`, `patient`,
    `network` (from `scripts.inference.routing`) and `ignored`. It has the item's `label_convention` as `convention`, as
    `sequences` those that were loaded (`t1ce+flair`), and no other keys but `apart`, if brains overlap little
    (`scripts.data.check_scan.little_in_common`). Files of other sequences are not opened. A sequence may also be given
    as a MetaTensor (X, Y, Z) with its affine.

    Args:
        sequences: which sequences to load; for an item with its own `sequences`, those.
        label: load the label map too.
        resample: resample sequences on other grids to the first one's (`scripts.data.same_grid`), instead of refusing
            them.
        needed: those of the sequences that are loaded, by default all; for an item with its own `needed`, those. The
            channels of the others are 0 and keep the channel order; no network of the run may use them.
        thinnest: least extent of a scan along each axis in mm: the voxel size at which the networks run.

    Raises:
        ScanError: a file that cannot be read (`scripts.data.read_nifti`), has other than three axes, is too thin, has NaN
            or infinite voxels, is constant, has the few values of a label map, is not skull-stripped, has a degenerate
            affine, or lies on another grid than the subject's first sequence; two scans that are the same one, or whose
            brains lie apart; a label map whose values are no labels, or one that inference has made (the item's
            `not_expert`).
    """

    def __init__(
        self,
        sequences: str | Iterable[str],
        label: bool = False,
        resample: bool = False,
        needed: str | Iterable[str] | None = None,
        thinnest: float = 0.0,
    ) -> None:
        self.sequences = ordered(sequences)
        self.thinnest = thinnest
        self.needed = None if needed is None else ordered(needed)
        self.label = label
        self.resample = resample

    def __call__(self, data):
        subject = str(data["subject"])
        sequences = ordered(data.get("sequences", self.sequences))
        needed = ordered(data["needed"]) if "needed" in data else self.needed
        loaded = [name for name in sequences if needed is None or name in needed]
        if self.label and "not_expert" in data:
            raise ScanError(data["not_expert"])
        for name in [*loaded, "label"] if self.label else loaded:  # before any file is read
            if name not in data:
                raise ScanError(_missing_file(subject, name, _others(sequences, data), data.get("ignored")))
        files = {}  # a 4D file holds several sequences: read it once
        first = None
        scans: dict[str, torch.Tensor] = {}
        common: dict[tuple[str, str], float] = {}
        for name in loaded:
            scan, path = load_volume(subject, name, data[name], files)
            check_extent(subject, name, scan, path, self.thinnest)
            check_signal(subject, name, scan, path)
            check_no_label_map(subject, name, scan, path)
            check_background(subject, name, scan.as_tensor(), path, voxel_ml(scan.affine))
            first = first or (scan, path)
            given = scan
            if self.resample:
                scan = resample_to_first(subject, first, (scan, path))
            check_grid(subject, first, (scan, path))
            shares = check_distinct(subject, name, scan.as_tensor(), scans, data)
            # resampling thick slices smears the brain's edge: 89% of one patient's brain overlap then
            if scan is given:
                common |= shares
            scans[name] = scan.as_tensor()
        image = torch.stack([scans[name] if name in scans else torch.zeros(first[0].shape) for name in sequences])
        out = {
            "subject": subject,
            "convention": data.get("label_convention", "brats"),  # MONAI's Spacingd takes keys label_* for metadata
            "sequences": subset_name(loaded),
        }
        out |= {key: data[key] for key in ("network", "ignored", "patient") if key in data}
        out |= {"apart": apart} if (apart := little_in_common(common)) else {}
        out["image"] = MetaTensor(image, meta=_meta(*first))
        if self.label:
            label, path = load_volume(subject, "label", data["label"], files)
            check_grid(subject, first, (label, path), label_map=True)
            values = torch.from_numpy(whole_numbers(subject, path, label))[None]
            out["label"] = MetaTensor(values, meta=_meta(label, path))
        return out


def _others(sequences: Iterable[str], data) -> list[str]:
    """The sequences that a subject has, also those that nobody asked for."""
    return [name for name in sequences if name in data] + [name for name in [data.get("beside")] if name]


def _missing_file(subject: str, name: str, found: list[str], ignored: str | None) -> str:
    """The message about a file that is not there; `found` are the sequences that are."""
    hint = (
        f" ({ignored} was ignored, as only NIfTI files whose names end in the sequence are understood)"
        if ignored
        else ""
    )
    if name == "label" or not found:
        what = "label map" if name == "label" else f"{name} file"
        return f"{subject}: no {what} was found{hint}: add the file, or leave the subject out."
    return (
        f"{subject}: no {name} file was found, only {', '.join(found)}{hint}: add the file, segment each subject with "
        "what it has by configs/batch_inference.json, or choose other sequences with --student_modalities (not with "
        "configs/ensemble_inference.json, which needs all four)."
    )


def load_volume(subject: str, name: str, source, files: dict) -> tuple[MetaTensor, str]:
    """The three-dimensional scan (X, Y, Z), float32, that a datalist entry points to, and its path."""
    if isinstance(source, MetaTensor):
        scan, path = source.float(), f"the {name} array"
    else:
        path = str(file_of(source))
        if path not in files:
            files[path] = read_nifti(subject, name, path)
        scan = files[path]
    check_affine(subject, scan, path)
    if isinstance(source, dict):
        volume = int(source["volume"])
        if scan.ndim != 4 or not 0 <= volume < scan.shape[3]:
            raise ScanError(
                f"{subject}: {path} has shape {shape_text(scan)}, so there is no volume {volume} along a fourth axis "
                f"for {name}: correct the file, or the modality order in dataset.json."
            )
        scan = scan[..., volume]
    while scan.ndim > 3 and scan.shape[-1] == 1:
        scan = scan[..., 0]
    if scan.ndim != 3:
        raise ScanError(
            f"{subject}: {path} has shape {shape_text(scan)} instead of three axes: save the volume of the "
            f"{name} as a file of its own."
        )
    return scan, path


def _meta(scan: MetaTensor, path: str) -> dict:
    # the fields that MONAI's spatial transforms and SaveImage use
    return {
        "affine": scan.affine.clone(),
        "original_affine": np.asarray(scan.affine, dtype=float),
        "spatial_shape": np.asarray(scan.shape),
        "original_channel_dim": 0,
        "space": "RAS",
        "filename_or_obj": path,
    }

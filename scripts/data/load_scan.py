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
from scripts.data.read_nifti import read_nifti
from scripts.data.same_grid import check_grid, resample_to_first, shape_text

# No scanner's field is wider.
WIDEST_MM = 1000.0
# A place farther from the origin than this is a damaged header; positions lose their precision there.
FARTHEST_MM = 1e5
# A scan with at least `FEWEST_VOXELS` that are not 0 has more values than these. The fifty real subjects at hand have at
# least 61, a label map has one to four.
FEW_VALUES, FEWEST_VOXELS = 8, 1000
# Two scans of this correlation in the brain are one, perhaps rescaled. Two sequences of the real subjects have at most
# 0.936.
SAME_SCAN = 0.9999
# Least share of two brains' voxels that is common to both. The real subjects have at least 0.979.
LEAST_COMMON = 0.7


class LoadSequencesd(Transform):
    """Load a datalist item into `image`, float32 (C, X, Y, Z), and on request `label`, int32 (1, X, Y, Z).

    The channels are the chosen sequences in the teacher's order. Both are MetaTensors with the affine (RAS, mm) and, as
    `meta["filename_or_obj"]`, the path of the first sequence or of the label. The result keeps `subject`, `network`
    (from `scripts.inference.routing`) and `ignored`, has the item's `label_convention` as `convention`, and as
    `sequences` those that were loaded (`t1ce+flair`), and no other keys. Files of other sequences are not opened. A
    sequence may also be given as a MetaTensor (X, Y, Z) with its affine.

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
            brains lie apart; a label map with fractional values, or one that inference has made (the item's
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
        for name in loaded:
            scan, path = load_volume(subject, name, data[name], files)
            _check_thickness(subject, name, scan, path, self.thinnest)
            _check_intensities(subject, name, scan, path)
            first = first or (scan, path)
            if self.resample:
                scan = resample_to_first(subject, first, (scan, path))
            check_grid(subject, first, (scan, path))
            _check_distinct(subject, name, scan.as_tensor(), scans, data)
            scans[name] = scan.as_tensor()
        image = torch.stack([scans[name] if name in scans else torch.zeros(first[0].shape) for name in sequences])
        out = {
            "subject": subject,
            "convention": data.get("label_convention", "brats"),  # MONAI's Spacingd takes keys label_* for metadata
            "sequences": subset_name(loaded),
        }
        out |= {key: data[key] for key in ("network", "ignored") if key in data}
        out["image"] = MetaTensor(image, meta=_meta(*first))
        if self.label:
            label, path = load_volume(subject, "label", data["label"], files)
            check_grid(subject, first, (label, path))
            out["label"] = MetaTensor(_integers(subject, label, path), meta=_meta(label, path))
        return out


def _check_distinct(subject: str, name: str, scan: torch.Tensor, scans: dict[str, torch.Tensor], data) -> None:
    """Raise if the sequence is one that was loaded before, also with rescaled voxels, or if its brain lies elsewhere."""
    for other, loaded in scans.items():
        files = f"{data[other]} and {data[name]}, given as {other} and {name},"
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
        f"{subject}: no {name} file was found, only {', '.join(found)}{hint}: add the file, choose other sequences "
        "with --student_modalities, or segment each subject with what it has by configs/batch_inference.json."
    )


def load_volume(subject: str, name: str, source, files: dict) -> tuple[MetaTensor, str]:
    """The three-dimensional scan (X, Y, Z), float32, that a datalist entry points to, and its path."""
    if isinstance(source, MetaTensor):
        scan, path = source.float(), f"the {name} array"
    else:
        path = str(source["file"] if isinstance(source, dict) else source)
        if path not in files:
            files[path] = read_nifti(subject, name, path)
        scan = files[path]
    _check_affine(subject, scan, path)
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


def _check_thickness(subject: str, name: str, scan: MetaTensor, path: str, thinnest: float) -> None:
    extents = np.linalg.norm(np.asarray(scan.affine, dtype=float)[:3, :3], axis=0) * scan.shape
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


def _check_affine(subject: str, scan: MetaTensor, path: str) -> None:
    affine = np.asarray(scan.affine, dtype=float)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
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


def _check_intensities(subject: str, name: str, scan: MetaTensor, path: str) -> None:
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
    if (values := _few_values(scan.as_tensor())) is not None:
        raise ScanError(
            f"{subject}: {path} has only the values {values}, so it is a mask or a label map and no {name}: give the scan, "
            "and name label maps <subject>_seg.nii.gz."
        )
    if low >= 0 and high <= 4 and bool((scan.as_tensor() == scan.as_tensor().round()).all()):
        raise ScanError(
            f"{subject}: {path} has only the whole numbers {low:g} to {high:g}, so it is a label map and no {name}: give "
            "the scan, and name label maps <subject>_seg.nii.gz."
        )
    check_background(subject, name, scan.as_tensor(), path, voxel_ml(scan.affine))


def _few_values(scan: torch.Tensor) -> str | None:
    """The values of a scan with at most `FEW_VALUES` of them beside 0, as text; None for others and for tiny ones."""
    if len(_sample(scan).unique()) > FEW_VALUES + 1:
        return None
    inside = scan[scan != 0]
    if len(inside) < FEWEST_VOXELS:
        return None
    values = inside.unique()
    return None if len(values) > FEW_VALUES else ", ".join(f"{float(value):g}" for value in (0, *values))


def _integers(subject: str, label: MetaTensor, path: str) -> torch.Tensor:
    values = label.as_tensor()
    whole = values.round()
    off = ~((whole - values).abs() < 1e-3)  # true for NaN; a slope in the header may leave 0.99999
    if off.any():
        odd = float(values[off][0])
        raise ScanError(
            f"{subject}: {path} holds the unknown label value {odd:g}, which is not a whole number: "
            "resample label maps with nearest neighbours, not with interpolation."
        )
    return whole[None].to(torch.int32).contiguous()


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

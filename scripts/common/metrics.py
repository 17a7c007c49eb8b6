# SPDX-License-Identifier: Apache-2.0
"""Metrics of one segmented subject: Dice, HD95 and volumes per region, and the rules for empty regions."""

import math
from collections.abc import Sequence

import numpy as np
from monai.metrics import compute_hausdorff_distance
from scripts.common.foreground import bounding_box
from scripts.common.sequences import REGIONS

TINY_ET_ML = 0.5  # 500 voxels of 1 mm3, as in RFNet and its successors

RULES = {
    "dice": "2 |A and B| / (|A| + |B|) over all voxels of the scan's own grid. Both empty: 1. Only one empty: 0.",
    "hd95_mm": "The larger of the two directed 95th percentiles of the distance between surface voxels, in mm, as in "
    "MONAI and DeepMind's surface-distance. Undefined (left out of means and counted) if truth or prediction is "
    "empty.",
    "empty": "'both': neither truth nor prediction has a voxel of the region; 'truth': only the truth is empty; "
    "'prediction': only the prediction is empty.",
    "cleaned": f"If the predicted enhancing tumour is smaller than {TINY_ET_ML} ml altogether it is taken to be "
    "necrotic core: ET is emptied, TC and WT stay as they are (RFNet, DeMoSeg). Measures without '_cleaned' are "
    "not cleaned; 'et_by_contrast' in the settings says how ET was drawn.",
}


def voxel_ml(affine) -> float:
    """Volume of a voxel in ml, also of a sheared one: the determinant of the affine (4, 4), in mm, over 1000."""
    return abs(float(np.linalg.det(np.asarray(affine, dtype=float)[:3, :3]))) / 1000


def remove_tiny(region: np.ndarray, ml_of_voxel: float, min_ml: float = TINY_ET_ML) -> np.ndarray:
    """The binary map ``region`` (X, Y, Z), or an empty one of its shape if its whole volume is below ``min_ml`` ml.

    Source: the post-processing of enhancing tumour in dyh127/RFNet and its successors ("fewer than 500 voxels"). It
    raises the mean Dice, as empty against empty counts as 1: report results with and without it.
    """
    tiny = np.count_nonzero(region) * ml_of_voxel < min_ml
    return np.zeros_like(region) if tiny else region


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two bool maps of one shape; 1 if both are empty, 0 if one is."""
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(prediction & truth) / total if total else 1.0


def hd95(prediction: np.ndarray, truth: np.ndarray, spacing_mm: Sequence[float]) -> float:
    """95th percentile Hausdorff distance in mm of two bool maps (X, Y, Z); NaN if one of them is empty.

    It is computed in the box around both, which gives the same value, as MONAI counts everything outside as background.
    """
    if not (prediction.any() and truth.any()):
        return math.nan
    box = bounding_box(prediction | truth)
    pair = [region[box][None, None] for region in (prediction, truth)]
    return compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=spacing_mm).item()


def _binary(name: str, regions) -> np.ndarray:
    regions = np.asarray(regions)
    if regions.ndim != 4 or len(regions) != len(REGIONS):
        raise ValueError(f"{name} must have the shape ({len(REGIONS)}, X, Y, Z), got {regions.shape}.")
    if regions.dtype != bool and not ((regions == 0) | (regions == 1)).all():
        raise ValueError(f"{name} must be binary, got values other than 0 and 1: threshold probabilities first.")
    return regions.astype(bool)


def case_measures(prediction, truth, spacing_mm: Sequence[float]) -> list[dict]:
    """Metrics of one network on one subject: one dictionary per region, in the order of `REGIONS`.

    Args:
        prediction: binary region maps, array or CPU tensor (3, X, Y, Z), channels in the order of `REGIONS`.
        truth: the true region maps, on the same grid and in the same order.
        spacing_mm: size of a voxel along X, Y, Z in mm.

    Returns:
        dictionaries with ``region``, ``dice``, ``hd95_mm``, ``true_ml``, ``predicted_ml``, ``empty`` ("", "both",
        "truth" or "prediction"), ``dice_cleaned`` and ``hd95_mm_cleaned``; see `RULES`. The cleaned ones differ from
        the others only for "et" (`remove_tiny`).

    Raises:
        ValueError: a map is not binary or has not three regions, or the shapes differ.
    """
    prediction, truth = _binary("prediction", prediction), _binary("truth", truth)
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction and truth must have one shape, got {prediction.shape} and {truth.shape}.")
    spacing_mm = [float(size) for size in spacing_mm]
    ml_of_voxel = math.prod(spacing_mm) / 1000
    rows = []
    for region, predicted, true in zip(REGIONS, prediction, truth):
        predicted_voxels, true_voxels = np.count_nonzero(predicted), np.count_nonzero(true)
        row = {
            "region": region,
            "dice": dice(predicted, true),
            "hd95_mm": hd95(predicted, true, spacing_mm),
            "true_ml": true_voxels * ml_of_voxel,
            "predicted_ml": predicted_voxels * ml_of_voxel,
            "empty": {(False, False): "both", (False, True): "prediction", (True, False): "truth"}.get(
                (predicted_voxels > 0, true_voxels > 0), ""
            ),
        }
        row |= {"dice_cleaned": row["dice"], "hd95_mm_cleaned": row["hd95_mm"]}
        if region == "et" and not (cleaned := remove_tiny(predicted, ml_of_voxel)).any():
            row |= {"dice_cleaned": dice(cleaned, true), "hd95_mm_cleaned": math.nan}
        rows.append(row)
    return rows

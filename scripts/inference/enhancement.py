# SPDX-License-Identifier: Apache-2.0
"""Enhancing tumour by its brightness on T1ce, which defines it: how much brighter than oedema it is, and a rule."""

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from scripts.common.foreground import bounding_box
from scripts.common.labels import nest
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, ordered

MIN_OEDEMA_ML, MIN_OEDEMA_STD = 1.0, 0.2
# Standard deviations of the oedema above its mean, see `et_by_contrast`.
STAYS, BECOMES = 0.5, 1.0


class EtContrastd(MapTransform):
    """Add ``<key>_et_contrast``, the contrast of a subject's enhancing tumour (`et_contrast`), for the record.

    Networks also draw a rim around cores that do not enhance. Up to version 0.7 a rule turned all ET of low mean contrast
    into core; on unseen subjects it cost a tenth of ET's Dice.

    Args:
        keys: probabilities (3, X, Y, Z) of tc, wt, et in the network's grid, MetaTensors. The item must also have
            ``image`` (C, X, Y, Z), z-scored in the brain, and ``sequences``, those of its channels.
    """

    def __call__(self, data):
        """
        Returns:
            The item with the contrast of each key; None without T1ce or without ET.
        """
        data = dict(data)
        channels = ordered(data["sequences"])
        t1ce = data["image"][channels.index("t1ce")] if "t1ce" in channels else None
        for key in self.keys:
            data[f"{key}_et_contrast"] = None if t1ce is None else et_contrast(data[key], t1ce)
        return data


def et_contrast(probabilities: MetaTensor, t1ce: torch.Tensor) -> float | None:
    """Contrast of ET to oedema on T1ce: (mean of ET - mean of oedema) / standard deviation of oedema.

    Dividing by the standard deviation makes one limit fit sharp and smooth scans. The deviation counts as at least 0.2.
    With less than 1 ml of oedema, the mean and deviation of the brain, 0 and 1, are used instead.

    Args:
        probabilities: (3, X, Y, Z) of tc, wt, et; a voxel belongs to a region above 0.5.
        t1ce: (X, Y, Z), z-scored in the brain.

    Returns:
        The contrast, None without ET.
    """
    regions = nest(probabilities.as_tensor() > 0.5)
    tc, wt, et = (regions[REGIONS.index(region)] for region in ("tc", "wt", "et"))
    if not et.any():
        return None
    t1ce = torch.as_tensor(t1ce)
    oedema, mean, std = t1ce[wt & ~tc], 0.0, 1.0
    if len(oedema) * voxel_ml(probabilities.affine.cpu()) >= MIN_OEDEMA_ML:
        mean, std = oedema.mean().item(), max(oedema.std(correction=0).item(), MIN_OEDEMA_STD)
    return round((t1ce[et].mean().item() - mean) / std, 4)


# Key of T1ce in the scan's own grid, see `KeepT1ced`.
T1CE = "t1ce_scan"


class KeepT1ced(Transform):
    """Keep T1ce as it was loaded under `T1CE`, before ``image`` is resampled; nothing without T1ce.

    It is an array: MONAI Deploy takes a second tensor of an item for another image.
    The item must have ``image`` (C, X, Y, Z), the channels of ``channels``, and ``sequences``, those that were loaded.

    Args:
        channels: sequences of the channels; by default the item's ``sequences``.
    """

    def __init__(self, channels=None) -> None:
        self.channels = None if channels is None else ordered(channels)

    def __call__(self, data):
        if "t1ce" not in ordered(data["sequences"]):
            return data
        channels = self.channels or ordered(data["sequences"])
        image = data["image"]
        return dict(data) | {T1CE: image[channels.index("t1ce")].numpy(force=True).copy()}


def et_by_contrast(
    regions: np.ndarray, t1ce: np.ndarray, ml_of_voxel: float, stays: float = STAYS, becomes: float = BECOMES
) -> np.ndarray:
    """Enhancing tumour inside the tumour core by its brightness on T1ce.

    The brightness of T1ce is measured from the mean of the predicted oedema, in standard deviations of the oedema. What a
    network calls ET stays so above ``stays``. What it calls core becomes ET above ``becomes``. Any unit of intensity will
    do. With less than 1 ml of oedema, ET stays as it is. Source: ours; the limits were chosen by
    `scripts.research.et_limits`.

    Args:
        regions: bool (3, X, Y, Z) of tc, wt, et, nested.
        t1ce: (X, Y, Z) on the same grid, an array or a tensor on the CPU.
        ml_of_voxel: volume of a voxel in ml.
        stays, becomes: limits in standard deviations of the oedema; infinite ones change nothing.

    Returns:
        The new ET, bool (X, Y, Z).
    """
    tc, wt, et = (regions[REGIONS.index(region)] for region in ("tc", "wt", "et"))
    t1ce, box = np.asarray(t1ce), bounding_box(wt)
    inner, oedema = t1ce[box], t1ce[box][wt[box] & ~tc[box]].astype(np.float64)
    if len(oedema) * ml_of_voxel < MIN_OEDEMA_ML:
        return et
    low, high = (oedema.mean() + limit * (oedema.std() or 1.0) for limit in (stays, becomes))
    found = np.zeros_like(et)
    found[box] = (et[box] & (inner > low)) | (tc[box] & (inner > high))
    return found


class EtByContrastd(MapTransform):
    """`et_by_contrast` of predicted regions in the scan's own grid, of networks that see T1ce.

    Args:
        keys: bool regions (3, X, Y, Z), MetaTensors. The item must also have `T1CE`, if T1ce was loaded.
        sequences: of the network of each key; the others are left as they are.
    """

    def __init__(self, keys: KeysCollection, sequences) -> None:
        super().__init__(keys)
        self.sequences = {key: ordered(sequences[key]) for key in self.keys}

    def __call__(self, data):
        data = dict(data)
        for key in self.keys if T1CE in data else ():
            if "t1ce" in self.sequences[key]:
                regions = data[key]
                ml = voxel_ml(regions.affine.cpu())
                found = et_by_contrast(regions.numpy(force=True).astype(bool), data[T1CE], ml)
                data[key] = regions.clone()
                data[key][REGIONS.index("et")] = torch.from_numpy(found).to(regions)
        return data

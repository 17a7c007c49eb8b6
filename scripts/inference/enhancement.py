# SPDX-License-Identifier: Apache-2.0
"""How much brighter than oedema the enhancing tumour is on T1ce."""

import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform
from scripts.common.labels import nest
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, ordered

MIN_OEDEMA_ML, MIN_OEDEMA_STD = 1.0, 0.2


class EtContrastd(MapTransform):
    """Add ``<key>_et_contrast``, the contrast of a subject's enhancing tumour (`et_contrast`), for the record.

    Networks also draw a rim around cores that do not enhance. The brightness on T1ce, which defines the label, can be
    measured. Up to version 0.7 a rule turned ET of low contrast into core; on unseen subjects it cost a tenth of ET's
    Dice.

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

# SPDX-License-Identifier: Apache-2.0
"""Enhancing tumour must be brighter than oedema on T1ce; otherwise it is labelled as core."""

from collections.abc import Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from scripts.common.labels import nest
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, ordered

MIN_OEDEMA_ML, MIN_OEDEMA_STD = 1.0, 0.2


class RequireEnhancementd(MapTransform):
    """Turn a subject's enhancing tumour (ET) into core if its mean contrast to oedema on T1ce is too low.

    Networks that were mostly trained on tumours with an enhancing rim also draw a rim around cores that do not
    enhance. The brightness on T1ce, which defines the label, can be measured. Source: ours; docs/accuracy.md shows the
    effect. Networks that do not see T1ce are left unchanged.

    Args:
        keys: probabilities (3, X, Y, Z) of tc, wt, et in the network's grid, MetaTensors. The item must also have
            ``image`` (C, X, Y, Z), z-scored in the brain.
        least: contrast (`et_contrast`) below which ET becomes core; 0 changes nothing.
        channels: sequences of the image's channels; None for those in the item's ``sequences``.
        seen: sequences that the network of each key sees; None if each network sees the whole image.

    Raises:
        ValueError: a negative ``least``.
    """

    def __init__(
        self,
        keys: KeysCollection,
        least: float,
        channels: Sequence[str] | None = None,
        seen: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(keys)
        if least < 0:
            raise ValueError(f"least must be 0 or more standard deviations of the oedema, not {least}.")
        self.least, self.channels, self.seen = least, channels, seen

    def __call__(self, data):
        """
        Returns:
            The item with the changed probabilities and, for each key, ``<key>_et_contrast`` (the contrast before the
            change; None without T1ce or without ET) and ``<key>_et_cleared`` (bool, whether ET became core).
        """
        data = dict(data)
        channels = ordered(self.channels or data["sequences"])
        for key in self.keys:
            seen, contrast = channels if self.seen is None else self.seen[key], None
            if "t1ce" in seen:
                contrast = et_contrast(data[key], data["image"][channels.index("t1ce")])
            cleared = self.least > 0 and contrast is not None and contrast < self.least
            if cleared:
                data[key] = without_et(data[key])
            data |= {f"{key}_et_contrast": contrast, f"{key}_et_cleared": cleared}
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


def without_et(probabilities: MetaTensor) -> MetaTensor:
    """A copy of the probabilities (3, X, Y, Z) in which ET is core: tc is the maximum of tc and et, et is 0."""
    changed = probabilities.clone()
    tc, et = REGIONS.index("tc"), REGIONS.index("et")
    changed[tc] = torch.maximum(changed[tc], changed[et])
    changed[et] = 0
    return changed

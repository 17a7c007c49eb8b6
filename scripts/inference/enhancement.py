# SPDX-License-Identifier: Apache-2.0
"""Enhancing tumour must enhance: what is hardly brighter than oedema on T1ce becomes core."""

from collections.abc import Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from scripts.common.labels import nest
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, ordered

LEAST_OEDEMA_ML, LEAST_SPREAD = 1.0, 0.2


class RequireEnhancementd(MapTransform):
    """Turn a subject's enhancing tumour into core where, on average, it is hardly brighter than the oedema on T1ce.

    A network that has mostly seen tumours with a rim draws one around a core that does not enhance, too: it guesses
    from where ET usually lies. Whether it is bright on T1ce, which is what the label means, can be measured. Ours; what
    it does stands in docs/accuracy.md. Networks without T1ce are left as they are.

    Args:
        keys: probabilities (3, X, Y, Z) of tc, wt, et in the network's own grid, MetaTensors; beside them ``image``
            (C, X, Y, Z), z-scored in the brain.
        least: contrast (`et_contrast`) below which ET is no ET; 0 leaves everything as it is.
        channels: sequences of the image's channels; None for those that the item's ``sequences`` names.
        seen: sequences that the network of each key sees; None where that is all of the image.

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
            The same with changed probabilities and, for each key, ``<key>_et_contrast``, the contrast before, None
            without T1ce or without ET, and ``<key>_et_cleared``, whether it was too little.
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
    """How much brighter ET is on T1ce than oedema: mean minus mean, over the oedema's deviation; None without ET.

    The standard deviation tells what of a difference is noise and unevenness, so that one limit fits sharp and smooth
    scans. It counts as 0.2 at least; with less than 1 ml of oedema the brain's mean and deviation, 0 and 1, stand for
    the oedema's.

    Args:
        probabilities: (3, X, Y, Z) of tc, wt, et; a region is where they are above 0.5.
        t1ce: (X, Y, Z), z-scored in the brain.
    """
    regions = nest(probabilities.as_tensor() > 0.5)
    tc, wt, et = (regions[REGIONS.index(region)] for region in ("tc", "wt", "et"))
    if not et.any():
        return None
    t1ce = torch.as_tensor(t1ce)
    oedema, mean, spread = t1ce[wt & ~tc], 0.0, 1.0
    if len(oedema) * voxel_ml(probabilities.affine.cpu()) >= LEAST_OEDEMA_ML:
        mean, spread = oedema.mean().item(), max(oedema.std(correction=0).item(), LEAST_SPREAD)
    return round((t1ce[et].mean().item() - mean) / spread, 4)


def without_et(probabilities: MetaTensor) -> MetaTensor:
    """A copy in which nothing is ET, and what was is core."""
    changed = probabilities.clone()
    tc, et = REGIONS.index("tc"), REGIONS.index("et")
    changed[tc] = torch.maximum(changed[tc], changed[et])
    changed[et] = 0
    return changed

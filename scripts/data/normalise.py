# SPDX-License-Identifier: Apache-2.0
"""Intensity normalisation of each sequence inside its own brain voxels."""

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class NormaliseBraind(MapTransform):
    """Clip each channel to percentiles of its non-zero voxels, then standardise it there; zero stays zero.

    A channel depends on its own voxels only, not on sequences that the student does not have. Percentiles make it
    robust to scans such as BraTS2021_01482, whose intensities reach 32767. Source: nnU-Net (Isensee et al. 2021),
    z-scores inside the brain as for MR, clipping as for CT.

    Args:
        keys: images of shape (C, X, Y, Z), background 0.
        lower, upper: percentiles, 0 to 100.
    """

    def __init__(self, keys: KeysCollection, lower: float = 0.5, upper: float = 99.5) -> None:
        super().__init__(keys)
        self.percentiles = (lower, upper)

    def __call__(self, data):
        data = dict(data)
        for key in self.keys:
            image = data[key].clone()
            for channel in image:
                self._normalise(channel)
            data[key] = image
        return data

    def _normalise(self, channel: torch.Tensor) -> None:
        values = np.asarray(channel).ravel()
        brain = values != 0
        inside = values[brain].astype(np.float32)
        if inside.size == 0:
            return
        # clipped before its range is looked at: divided by a single voxel of 1e16, the rest would have no contrast left
        low, high = np.percentile(inside, self.percentiles)
        inside = np.clip(inside, low, high)
        largest = np.abs(inside).max()
        if not 1e-3 < largest < 1e15:  # the squares of such numbers leave the range of float32
            inside = (inside / np.float64(largest)).astype(np.float32)
        spread = float(inside.std())
        # an exact 0 inside the brain would be background to later transforms
        inside = (inside - inside.mean()) / max(spread, 1e-6)
        inside[inside == 0] = np.finfo(np.float32).tiny
        normalised = np.zeros(values.shape, np.float32)
        normalised[brain] = inside
        channel.copy_(torch.from_numpy(normalised.reshape(channel.shape)))

# SPDX-License-Identifier: Apache-2.0
"""Geodesic distance with a cost for each voxel, by raster sweeps over planes."""

import numpy as np

_NEAR = ((0, 1), (0, -1), (1, 0), (-1, 0))
_FAR = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def _least(padded: np.ndarray, shifts: tuple) -> np.ndarray:
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    views = [padded[1 + a : 1 + a + height, 1 + b : 1 + b + width] for a, b in shifts]
    return np.minimum(np.minimum(views[0], views[1]), np.minimum(views[2], views[3]))


def geodesic(cost: np.ndarray, start: np.ndarray, step: float, sweeps: int = 4) -> np.ndarray:
    """Least sum of `cost` times path length (mm) from the voxels `start`, over paths through 26 neighbours.

    Args:
        cost: (X, Y, Z), positive; infinite where no path may pass.
        start: (X, Y, Z) bool, distance 0.
        step: voxel size in mm.
        sweeps: number of sweeps over all six directions; a path can change direction about as often.

    Returns:
        float32 (X, Y, Z), infinite where no path leads.

    Source: raster scan of Criminisi et al. 2008 (GeoS), with every plane updated at once.
    """
    cost = np.asarray(cost, dtype=np.float32) * np.float32(step)
    distance = np.where(start, np.float32(0), np.float32(np.inf))
    for _ in range(sweeps):
        before = distance.copy()
        for axis in range(3):
            price = np.ascontiguousarray(np.moveaxis(cost, axis, 0))
            field = np.ascontiguousarray(np.moveaxis(distance, axis, 0))
            planes = range(1, len(field))
            for k, previous in [(k, k - 1) for k in planes] + [(k - 1, k) for k in reversed(planes)]:
                padded = np.pad(field[previous], 1, constant_values=np.inf)
                reach = padded[1:-1, 1:-1] + price[k]
                np.minimum(reach, _least(padded, _NEAR) + price[k] * np.float32(2**0.5), out=reach)
                np.minimum(reach, _least(padded, _FAR) + price[k] * np.float32(3**0.5), out=reach)
                np.minimum(field[k], reach, out=field[k])
            distance = np.moveaxis(field, 0, axis)
        finite = np.isfinite(distance)
        if (
            np.array_equal(finite, np.isfinite(before))
            and np.abs(distance[finite] - before[finite]).max(initial=0) < step / 4
        ):
            break
    return np.ascontiguousarray(distance)

# SPDX-License-Identifier: Apache-2.0
"""Smooth fields on a coarse lattice in millimetres, and their values on any grid."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

Axes = Sequence[np.ndarray]  # voxel positions (mm) along each of the three axes of a grid

STEP = 2.0  # mm; anatomy and tumour are computed on the lattice at any spacing of the maps
FIELD = (240.0, 240.0, 155.0)  # mm, the field of view of BraTS scans
# The lattice is a little larger than the largest brain; at the bottom, where brain stems end, than the field of view.
LATTICE = tuple(np.arange(low, high, STEP) for low, high in ((28, 214), (26, 238), (-8, 162)))
SHAPE = tuple(len(axis) for axis in LATTICE)
_NOISE_SD = (2416 / 5040) ** 1.5  # sd of a cubic B-spline field in 3D with standard normal coefficients


def spline_weights(positions: np.ndarray, start: float, step: float, count: int) -> sparse.csr_array:
    """Cubic B-spline weights (positions, count) of nodes at `start + step * k`; outer nodes repeat beyond the ends."""
    place = (np.asarray(positions, dtype=np.float64) - start) / step
    left = np.floor(place).astype(int)
    t = place - left
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    nodes = np.clip(left[:, None] + np.arange(-1, 3), 0, count - 1)
    rows = np.repeat(np.arange(len(place)), 4)
    return sparse.csr_array((weights.ravel().astype(np.float32), (rows, nodes.ravel())), shape=(len(place), count))


def spline(nodes: np.ndarray, matrices: Sequence[sparse.csr_array]) -> np.ndarray:
    """Values of the spline with coefficients `nodes` (X, Y, Z), by a `spline_weights` matrix for each axis.

    The products are sparse because those of BLAS depend on the number of threads in the last bit.
    """
    field = nodes.astype(np.float32)
    for matrix in matrices:  # multiplies the first axis and moves it to the end
        rest = field.shape[1:]
        field = np.moveaxis((matrix @ field.reshape(len(field), -1)).reshape(-1, *rest), 0, -1)
    return np.ascontiguousarray(field)


def read_off(field: np.ndarray, axes: Axes, lattice: Axes = LATTICE) -> np.ndarray:
    """Values of a field, given on `lattice`, at the grid of `axes`, by an approximating cubic spline.

    It reproduces linear functions and smooths others by about half a lattice step, so that labels have smooth edges at
    1 mm. On the lattice itself it smooths as well.
    """
    return spline(field, [spline_weights(a, b[0], b[1] - b[0], len(b)) for a, b in zip(axes, lattice)])


def noise(rng: np.random.Generator, length: float, axes: Axes = LATTICE) -> np.ndarray:
    """Smooth Gaussian noise of mean 0 and standard deviation 1 whose nodes lie `length` mm apart.

    The nodes cover the field of view for any `axes`, so that the draw depends on `rng` and `length` only.
    """
    starts = (-length - 20.0,) * 3
    counts = [int(np.ceil((extent + 60.0) / length)) + 4 for extent in FIELD]
    nodes = rng.standard_normal(counts, dtype=np.float32) / np.float32(_NOISE_SD)
    return spline(nodes, [spline_weights(a, s, length, n) for a, s, n in zip(axes, starts, counts)])

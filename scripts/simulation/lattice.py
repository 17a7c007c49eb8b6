# SPDX-License-Identifier: Apache-2.0
"""Smooth fields in millimetres, known on a coarse lattice and read off on any grid."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

Axes = Sequence[np.ndarray]  # voxel positions (mm) along each of the three axes of a grid

STEP = 2.0  # mm; anatomy and tumour are computed here whatever the spacing that is asked for
FIELD = (240.0, 240.0, 155.0)  # mm, the field of view of BraTS scans
# The lattice is a little larger than the largest brain, also below the field of view, where brain stems are cut off.
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
    """The spline with coefficients `nodes` (X, Y, Z) read off along three axes with `spline_weights` matrices.

    Sparse products rather than BLAS: the result does not depend on the number of threads, to the last bit.
    """
    field = nodes.astype(np.float32)
    for matrix in matrices:  # each turn works on the first axis and moves it to the end
        rest = field.shape[1:]
        field = np.moveaxis((matrix @ field.reshape(len(field), -1)).reshape(-1, *rest), 0, -1)
    return np.ascontiguousarray(field)


def read_off(field: np.ndarray, axes: Axes, lattice: Axes = LATTICE) -> np.ndarray:
    """A field known on `lattice`, at the grid of `axes`, as an approximating cubic spline.

    It reproduces linear functions and smooths the rest by about half a lattice step, which is wanted: labels have
    smooth edges at 1 mm. Reading off at the lattice itself applies the same smoothing.
    """
    return spline(field, [spline_weights(a, b[0], b[1] - b[0], len(b)) for a, b in zip(axes, lattice)])


def noise(rng: np.random.Generator, length: float, axes: Axes = LATTICE) -> np.ndarray:
    """Smooth Gaussian noise of mean 0 and standard deviation 1 whose nodes lie `length` mm apart.

    The nodes cover the field of view whatever `axes` is: the draw depends on `rng` and `length` only.
    """
    starts = (-length - 20.0,) * 3
    counts = [int(np.ceil((extent + 60.0) / length)) + 4 for extent in FIELD]
    nodes = rng.standard_normal(counts, dtype=np.float32) / np.float32(_NOISE_SD)
    return spline(nodes, [spline_weights(a, s, length, n) for a, s, n in zip(axes, starts, counts)])

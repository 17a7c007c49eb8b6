# SPDX-License-Identifier: Apache-2.0
"""Mass effect: a growing tumour displaces the brain, by a flow from its core to the cerebrospinal fluid."""

import numpy as np
from scipy import ndimage
from scipy.fft import irfftn, rfftn
from scripts.simulation.lattice import LATTICE, SHAPE, STEP, read_off

_STEP = 2 * STEP  # mm; the flow is smooth


def tissue_shift(core: np.ndarray, csf: np.ndarray, depth: np.ndarray, strength: float) -> np.ndarray:
    """How far (mm) the tissue at each point of the lattice was moved, float32 (3, X, Y, Z).

    The brain is incompressible: `strength` times the core's volume is added inside the core, and the same volume of
    fluid leaves the brain, mostly from ventricles and sulci near the core. The flow from one to the other is the
    gradient of a potential that solves Poisson's equation. Near the skull (`depth` below 12 mm) it is reduced, down to
    a quarter.

    Args:
        core: (X, Y, Z) bool on the lattice.
        csf: fluid fraction.
        depth: mm from the brain's edge.
        strength: 0 is no mass effect (all zeros), 1 adds the volume of the whole core.
    """
    if strength == 0 or not core.any():
        return np.zeros((3, *SHAPE), dtype=np.float32)
    source = ndimage.gaussian_filter(core[::2, ::2, ::2].astype(np.float32), 1.0) * strength
    distance = ndimage.distance_transform_edt(~core[::2, ::2, ::2], sampling=_STEP)
    sink = np.where(depth[::2, ::2, ::2] > 3, csf[::2, ::2, ::2] ** 2, 0) * np.exp(-distance / 35.0)
    # at most 80% of a voxel's fluid leaves it; a rest of the flow reaches the skull, where it is reduced
    sink *= min(source.sum() / max(sink.sum(), 1e-6), 0.8)
    charge = source - sink

    size = [2 * n for n in charge.shape]
    offsets = np.meshgrid(*[np.fft.fftfreq(n, 1 / n) * _STEP for n in size], indexing="ij", sparse=True)
    radius = np.sqrt(sum(o**2 for o in offsets)) + 1e-6
    spectrum = rfftn(charge, size)
    kernel = np.where(radius > 1, _STEP**3 / (4 * np.pi * radius**3), 0)
    crop = tuple(slice(n) for n in charge.shape)
    flow = np.stack([irfftn(spectrum * rfftn(o * kernel), size)[crop] for o in offsets])
    fixed = 0.25 + 0.75 * np.clip(depth[::2, ::2, ::2] / 12.0, 0, 1)
    coarse = [axis[::2] for axis in LATTICE]
    return np.stack([read_off(f * fixed, LATTICE, coarse) for f in flow]).astype(np.float32)


def displaced_warp(mni: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The warp `mni` (3, X, Y, Z) of a brain whose tissue moved by `shift` (mm): tissue at p was at p - shift(p)."""
    if not shift.any():
        return mni
    places = np.indices(SHAPE, dtype=np.float32) - shift / np.float32(STEP)
    return np.stack([ndimage.map_coordinates(m, places, order=1, mode="nearest") for m in mni])

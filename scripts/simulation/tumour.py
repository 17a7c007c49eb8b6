# SPDX-License-Identifier: Apache-2.0
"""Grow tumours into a brain: a rounded core, necrosis inside an uneven rim, and oedema along white matter."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scripts.simulation.anatomy import Brain
from scripts.simulation.geodesic import geodesic
from scripts.simulation.lattice import LATTICE, SHAPE, STEP, noise, read_off
from scripts.simulation.tumour_core import CoreShape, Focus, draw_core, draw_seed, radius_of

_VOXEL_ML = STEP**3 / 1000
_OUTSIDE = np.float32(1e3)


@dataclass(frozen=True)
class Levels:
    """Level sets on the lattice, negative inside: (X, Y, Z) each. Necrosis counts only inside the core."""

    whole: np.ndarray
    core: np.ndarray
    necrosis: np.ndarray


def barriers(brain: Brain) -> np.ndarray:
    """Where tumours do not spread: outside the brain, cerebellum, and midline except callosum and brain stem."""
    x, y, z = brain.mni
    tentorium = -0.42 * np.abs(x) - 0.25 * np.maximum(0, -50 - y)
    stem = (np.abs(x) < 16) & (y < -10) & (y > -42) & (z < -5)
    below = (y < -35) & (z < tentorium) & ~stem
    callosum = (brain.wm > 0.5) & (y > -48) & (y < 38) & (z > -5) & (z < 34)
    deep = (y > -36) & (y < 6) & (z < 14)
    midline = (np.abs(x) < 2.3) & ~callosum & ~deep
    return below | midline | (brain.depth < 1.0) | (brain.gm + brain.wm + brain.csf < 0.5)


def smooth_inside(field: np.ndarray, inside: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth over `inside` only (sigma in voxels) and extrapolate beyond it, so that brain edges have no effect."""
    field = np.where(inside, field, 0).astype(np.float32)
    weight = inside.astype(np.float32)
    wide = ndimage.gaussian_filter(field, 2.0) / np.maximum(ndimage.gaussian_filter(weight, 2.0), 1e-3)
    near = ndimage.gaussian_filter(weight, sigma)
    return np.where(near > 0.02, ndimage.gaussian_filter(field, sigma) / np.maximum(near, 0.02), wide)


def level_of_volume(field: np.ndarray, where: np.ndarray, ml: float) -> float:
    """The level below which `field` has `ml` millilitres of the voxels `where`."""
    values = field[where]
    count = int(round(ml / _VOXEL_ML))
    if count >= len(values):
        return float(_OUTSIDE)
    return float(np.partition(values, count)[count]) if count > 0 else float(values.min()) - 1


def grow(rng: np.random.Generator, brain: Brain, shape: CoreShape, size: Focus, closed: np.ndarray) -> Levels:
    """Grow one focus of `size` (ml) from `shape`; its volumes are right to a few lattice voxels.

    Args:
        rng: the subject's generator.
        brain: the displaced brain on the lattice.
        shape: from `draw_core`; of a focus without core only its seed is used.
        size: volumes.
        closed: (X, Y, Z) bool, where the focus may not grow. If there is too little room, it is smaller.
    """
    open_ = ~closed
    core = _core_level(brain, shape, size.core, open_) if size.core > 0 else np.full(SHAPE, _OUTSIDE)
    start = (core < 0) & open_
    inner = start.copy()
    if not start.any():
        start[shape.seed] = True
    whole = _oedema_level(rng, brain, start, size.whole, open_)
    necrosis = _necrosis_level(rng, inner, size) if inner.any() else np.full(SHAPE, -_OUTSIDE)
    # smoothing must not move labels across the midline
    return Levels(np.where(closed, STEP, whole), np.where(closed, STEP, core), necrosis)


def _core_level(brain: Brain, shape: CoreShape, ml: float, open_: np.ndarray) -> np.ndarray:
    """Level set of the core: compact, not through barriers and not into ventricles."""
    start = np.zeros(SHAPE, dtype=bool)
    start[shape.seed] = True
    path = geodesic(np.where(open_, 1.0, np.inf), start, STEP, sweeps=2)
    mesh = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    straight = np.sqrt(sum((m - a[i]) ** 2 for m, a, i in zip(mesh, LATTICE, shape.seed)))
    detour = np.clip((np.minimum(path, 500) - 1.15 * straight) / shape.radius, 0, 1.5)
    field = shape.field + 2 * detour + 1.2 * ndimage.gaussian_filter(brain.csf, 1.5) + 0.1 * brain.gm
    field = read_off(smooth_inside(np.minimum(field, 6), open_, 0.8), LATTICE)
    return (field - level_of_volume(field, open_, ml)) * shape.radius


def _oedema_level(
    rng: np.random.Generator, brain: Brain, start: np.ndarray, ml: float, open_: np.ndarray
) -> np.ndarray:
    """Level set of the whole tumour: by geodesic distance from `start`, shortest through white matter."""
    # most oedema follows white matter in fingers; some is compact and includes the cortex
    grey, fluid = np.exp(rng.uniform(0.2, 0.8) if rng.uniform() < 0.3 else rng.uniform(0.9, 2.3)), rng.uniform(8, 25)
    cost = (brain.wm + grey * brain.gm + fluid * brain.csf) * np.exp(0.3 * noise(rng, 14.0))
    path = geodesic(np.where(open_, np.maximum(cost, 0.3), np.inf), start, STEP)
    ml = min(ml, (np.count_nonzero(open_ & np.isfinite(path)) - 1) * _VOXEL_ML)  # no more than can be reached
    reach = level_of_volume(path, open_, ml)
    # oedema is asymmetric: a smooth random delay of growth leaves some sides without it
    late = np.maximum(0.6 * noise(rng, 24.0) + 0.12 * noise(rng, 7.0), -0.8) * reach
    path = np.where(start, path, np.minimum(path, 3 * reach + 5) + late)
    path = read_off(smooth_inside(path, open_ & np.isfinite(path), 0.5), LATTICE)
    return path - level_of_volume(path, open_, ml)


def _necrosis_level(rng: np.random.Generator, core: np.ndarray, size: Focus) -> np.ndarray:
    """Level set of necrosis: the deepest part of the core with an uneven surface, mottled in 30% of the tumours."""
    if size.enhancing <= 0:
        return np.full(SHAPE, -_OUTSIDE)
    depth = ndimage.distance_transform_edt(core, sampling=STEP) - ndimage.distance_transform_edt(~core, sampling=STEP)
    depth = ndimage.gaussian_filter(depth.astype(np.float32), 0.8)
    field = -depth * (0.35 if rng.uniform() < 0.3 else 1.0) + rng.uniform(2.0, 6.0) * noise(rng, 18.0)
    field += rng.uniform(0.5, 1.5) * noise(rng, 9.0) + rng.uniform(0.2, 0.9) * noise(rng, 6.0)
    field = read_off(field, LATTICE)
    return field - level_of_volume(field, core, size.core - size.enhancing)


def add_satellites(
    rng: np.random.Generator, brain: Brain, levels: Levels, foci: list[Focus], closed: np.ndarray
) -> Levels:
    """Grow further `foci` 4 to 45 mm away from the tumour; foci without room are left out."""
    for size in foci:
        gap = ndimage.distance_transform_edt(levels.whole >= 0, sampling=STEP)
        radius = radius_of(size.whole)
        seed = draw_seed(rng, brain, radius, ~closed & (gap > radius + 4) & (gap < radius + 45))
        if seed is None:
            continue
        shape = draw_core(rng, seed, max(size.core, 0.1))
        more = grow(rng, brain, shape, size, closed | (gap < 4))
        nearer = more.whole < levels.whole
        levels = Levels(*(np.where(nearer, new, old) for old, new in zip(vars(levels).values(), vars(more).values())))
    return levels

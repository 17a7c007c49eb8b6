# SPDX-License-Identifier: Apache-2.0
"""Tumours grown into a brain: a rounded core with necrosis inside an uneven rim, and oedema along white matter."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from scripts.anatomy import Brain
from scripts.geodesic import geodesic
from scripts.lattice import LATTICE, SHAPE, STEP, noise, read_off
from scripts.tumour_sizes import Focus

_VOXEL_ML = STEP**3 / 1000
_OUTSIDE = np.float32(1e3)


@dataclass(frozen=True)
class Levels:
    """Level sets on the lattice, negative inside: (X, Y, Z) each. Necrosis counts inside the core, the core inside the whole."""

    whole: np.ndarray
    core: np.ndarray
    necrosis: np.ndarray


@dataclass(frozen=True)
class CoreShape:
    """What is drawn once for a core: `field` grows outwards from `seed` (lattice index), about 1 at `radius` (mm)."""

    field: np.ndarray
    seed: tuple[int, int, int]
    radius: float


def barriers(brain: Brain) -> np.ndarray:
    """Where tumours do not spread: outside the brain, cerebellum, and the midline but for callosum and brain stem."""
    x, y, z = brain.mni
    tentorium = -0.42 * np.abs(x) - 0.25 * np.maximum(0, -50 - y)
    stem = (np.abs(x) < 16) & (y < -10) & (y > -42) & (z < -5)
    below = (y < -35) & (z < tentorium) & ~stem
    callosum = (brain.wm > 0.5) & (y > -48) & (y < 38) & (z > -5) & (z < 34)
    deep = (y > -36) & (y < 6) & (z < 14)
    midline = (np.abs(x) < 2.3) & ~callosum & ~deep
    return below | midline | (brain.depth < 1.0) | (brain.gm + brain.wm + brain.csf < 0.5)


def smooth_inside(field: np.ndarray, inside: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth over `inside` only (sigma in voxels), continued beyond its edge, so that brain edges leave no mark."""
    field = np.where(inside, field, 0).astype(np.float32)
    weight = inside.astype(np.float32)
    wide = ndimage.gaussian_filter(field, 2.0) / np.maximum(ndimage.gaussian_filter(weight, 2.0), 1e-3)
    near = ndimage.gaussian_filter(weight, sigma)
    return np.where(near > 0.02, ndimage.gaussian_filter(field, sigma) / np.maximum(near, 0.02), wide)


def cut(field: np.ndarray, where: np.ndarray, ml: float) -> float:
    """The level below which `field` holds `ml` of the voxels `where`."""
    values = field[where]
    count = int(round(ml / _VOXEL_ML))
    if count >= len(values):
        return float(_OUTSIDE)
    return float(np.partition(values, count)[count]) if count > 0 else float(values.min()) - 1


def draw_seed(rng: np.random.Generator, brain: Brain, radius: float, allowed: np.ndarray) -> tuple[int, int, int]:
    """A place in cerebral white matter, as deep as a core of `radius` mm asks for, where BraTS tumours tend to be."""
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    likely = np.exp(-((np.abs(x - 118) - 32) ** 2) / (2 * 14.0**2) - ((y - 130) ** 2) / (2 * 30.0**2))
    likely = likely * np.exp(-((z - 74) ** 2) / (2 * 30.0**2)) * np.where(x > 118, 0.54, 0.46)
    likely = np.where(allowed & (brain.wm > 0.5) & (brain.depth > 4 + 0.25 * radius), likely, 0)
    total = np.cumsum(likely)
    return tuple(int(i) for i in np.unravel_index(np.searchsorted(total, rng.uniform(0, total[-1])), SHAPE))


def draw_core(rng: np.random.Generator, seed: tuple[int, int, int], ml: float) -> CoreShape:
    """An ellipsoid with up to three lobes and a little noise at two scales."""
    radius = max((3 * 1000 * ml / (4 * np.pi)) ** (1 / 3), 3.0)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0] / np.exp(rng.normal(0, 0.13, (3, 1)))
    centre = [a[i] for a, i in zip(LATTICE, seed)]
    grid = np.stack(np.meshgrid(*[(a - c) / radius for a, c in zip(LATTICE, centre)], indexing="ij")).astype(np.float32)
    lobes = [(np.zeros(3), 1.0)]
    for _ in range(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))):
        way = rng.standard_normal(3)
        lobes.append((way / np.linalg.norm(way) * rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.75)))
    turned = np.tensordot(turn.astype(np.float32), grid, axes=1)
    total = sum(
        np.exp(-6 * (np.sqrt(((turned - p.astype(np.float32)[:, None, None, None]) ** 2).sum(0)) / r - 1)) for p, r in lobes
    )
    field = 1 - np.log(np.maximum(total, 1e-30)) / 6
    field += 0.10 * noise(rng, max(0.9 * radius, 8.0)) + 0.05 * noise(rng, 8.0)
    return CoreShape(field, seed, radius)


def grow(rng: np.random.Generator, brain: Brain, shape: CoreShape, size: Focus, closed: np.ndarray) -> Levels:
    """Grow one focus; `closed` (X, Y, Z) bool is where it may not go."""
    open_ = ~closed
    if size.core > 0:
        start = np.zeros(SHAPE, dtype=bool)
        start[shape.seed] = True
        path = geodesic(np.where(closed, np.inf, 1.0), start, STEP, sweeps=2)
        straight = np.sqrt(sum(((a - a[i]) ** 2).reshape(-1, *[1] * (2 - k)) for k, (a, i) in enumerate(zip(LATTICE, shape.seed))))
        detour = np.clip((np.minimum(path, 500) - 1.15 * straight) / shape.radius, 0, 1.5)
        field = shape.field + 2 * detour + 1.2 * ndimage.gaussian_filter(brain.csf, 1.5) + 0.1 * brain.gm
        field = read_off(smooth_inside(np.minimum(field, 6), open_, 0.8), LATTICE)
        core = (field - cut(field, open_, size.core)) * shape.radius
        start = (core < 0) & open_
    else:
        core = np.full(SHAPE, _OUTSIDE)
        start = np.zeros(SHAPE, dtype=bool)
        start[shape.seed] = True
    necrosis = draw_necrosis(rng, start, size)

    grey, fluid = rng.uniform(1.3, 6.0), rng.uniform(6, 20)
    cost = (brain.wm + grey * brain.gm + fluid * brain.csf) * np.exp(0.3 * noise(rng, 14.0))
    path = geodesic(np.where(closed, np.inf, np.maximum(cost, 0.3)), start, STEP)
    reach = cut(path, open_ & ~start, size.whole - start.sum() * _VOXEL_ML)
    # Oedema is lopsided, and lacking on some sides: it is as if it had set out late there.
    late = np.maximum(0.55 * noise(rng, 24.0) + 0.12 * noise(rng, 7.0), -0.8) * reach
    path = np.where(start, path, np.minimum(path, 3 * reach + 5) + late)
    path = read_off(smooth_inside(path, open_ & np.isfinite(path), 0.5), LATTICE)
    whole = path - cut(path, open_, size.whole)
    return Levels(np.where(closed, 5, whole), np.where(closed, 5, core), necrosis)


def draw_necrosis(rng: np.random.Generator, core: np.ndarray, size: Focus) -> np.ndarray:
    """The inner part of the core: what lies deepest, unevenly."""
    if size.enhancing <= 0 or size.core <= 0:
        return np.full(SHAPE, -_OUTSIDE)
    depth = ndimage.distance_transform_edt(core, sampling=STEP) - ndimage.distance_transform_edt(~core, sampling=STEP)
    depth = ndimage.gaussian_filter(depth.astype(np.float32), 0.8)
    mottled = rng.uniform() < 0.25
    field = -depth * (0.35 if mottled else 1.0) + rng.uniform(1.0, 4.0) * noise(rng, 18.0)
    field += rng.uniform(0.5, 1.5) * noise(rng, 9.0) + rng.uniform(0.2, 0.9) * noise(rng, 6.0)
    field = read_off(field, LATTICE)
    return field - cut(field, core, size.core - size.enhancing)

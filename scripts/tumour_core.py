# SPDX-License-Identifier: Apache-2.0
"""Where a tumour starts and what shape its core takes."""

from dataclasses import dataclass

import numpy as np

from scripts.anatomy import Brain
from scripts.lattice import LATTICE, SHAPE, noise


@dataclass(frozen=True)
class CoreShape:
    """What is drawn once for a core: `field` (X, Y, Z) grows from `seed` (lattice index), 1 at `radius` (mm)."""

    field: np.ndarray
    seed: tuple[int, int, int]
    radius: float


def radius_of(ml: float) -> float:
    """Radius (mm) of a ball of `ml` millilitres: (3000 ml / 4 pi)^(1/3)."""
    return float((3000 * ml / (4 * np.pi)) ** (1 / 3))


def draw_seed(rng: np.random.Generator, brain: Brain, radius: float, allowed: np.ndarray) -> tuple | None:
    """A place (lattice index) in white matter, deep enough for `radius` mm, spread as in BraTS; None: no room."""
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    likely = np.exp(-((np.abs(x - 118) - 35) ** 2) / (2 * 14.0**2) - ((y - 130) ** 2) / (2 * 30.0**2))
    likely = likely * np.exp(-((z - 66) ** 2) / (2 * 40.0**2)) * np.where(x > 118, 0.56, 0.44)
    likely = np.where(allowed & (brain.wm > 0.5) & (brain.depth > 3 + 0.2 * radius), likely, 0)
    total = np.cumsum(likely)
    if total[-1] == 0:
        return None
    return tuple(int(i) for i in np.unravel_index(np.searchsorted(total, rng.uniform(0, total[-1])), SHAPE))


def draw_core(rng: np.random.Generator, seed: tuple[int, int, int], ml: float) -> CoreShape:
    """An ellipsoid with up to three lobes and a little noise at two scales."""
    radius = max(radius_of(ml), 3.0)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0] / np.exp(rng.normal(0, 0.13, (3, 1)))
    centre = [a[i] for a, i in zip(LATTICE, seed)]
    grid = np.stack(np.meshgrid(*[(a - c) / radius for a, c in zip(LATTICE, centre)], indexing="ij")).astype(np.float32)
    lobes = [(np.zeros(3), 1.0)]
    for _ in range(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))):
        way = rng.standard_normal(3)
        lobes.append((way / np.linalg.norm(way) * rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.75)))
    turned = np.einsum("ij,jxyz->ixyz", turn.astype(np.float32), grid)
    total = sum(
        np.exp(-6 * (np.sqrt(((turned - p.astype(np.float32)[:, None, None, None]) ** 2).sum(0)) / r - 1))
        for p, r in lobes
    )
    field = 1 - np.log(np.maximum(total, 1e-30)) / 6
    field += 0.10 * noise(rng, max(0.9 * radius, 8.0)) + 0.05 * noise(rng, 8.0)
    return CoreShape(field, seed, radius)

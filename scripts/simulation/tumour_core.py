# SPDX-License-Identifier: Apache-2.0
"""What is drawn of a tumour before it grows: the volumes of its foci, the place of each, and the shape of its core."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scripts.simulation.anatomy import Brain
from scripts.simulation.lattice import LATTICE, SHAPE, noise

# Quantiles of whole tumour (ml), core over whole, enhancing over core: (levels, values). Those from 0.05 to 0.95 are
# from brats2020_label_statistics.json, the ends are ours; 6.5% of the subjects have no enhancement.
_WHOLE_ML = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (6, 20.6, 50.2, 89.9, 143.6, 200.1, 280))
_CORE_SHARE = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (0.02, 0.09, 0.24, 0.39, 0.57, 0.75, 0.97))
_ENHANCING_SHARE = ((0, 0.065, 0.13, 0.25, 0.5, 0.75, 0.95, 1), (0, 0, 0.2, 0.44, 0.62, 0.79, 0.94, 0.99))
# Probability of 0 to 4 further foci: fewer than BraTS has components, as some tumours grow in several components.
_FURTHER = (0.765, 0.155, 0.042, 0.024, 0.014)


@dataclass(frozen=True)
class Focus:
    """Volumes (ml) of one focus: whole tumour, its core, and the enhancing part of the core."""

    whole: float
    core: float
    enhancing: float


@dataclass(frozen=True)
class CoreShape:
    """Shape of a core: `field` (X, Y, Z) increases from `seed` (lattice index) outwards and is about 1 at `radius` (mm)."""

    field: np.ndarray
    seed: tuple[int, int, int]
    radius: float


def draw_sizes(rng: np.random.Generator) -> list[Focus]:
    """The foci of one subject, the largest first."""
    size, share, rim = rng.standard_normal(3)
    enhancing_level = ndtr(rim)
    # The correlations reproduce the volumes of TC, ET, NCR and ED: larger tumours have a larger share of core, larger
    # cores a smaller share of enhancement, and tumours with little enhancement (low grade) the largest cores.
    share = 0.898 * (0.2 * size + 0.98 * share) - 0.4 * rim + 1.0 * np.clip((0.22 - enhancing_level) / 0.12, 0, 1)
    whole = float(np.interp(ndtr(size), *_WHOLE_ML))
    core = whole * float(np.interp(ndtr((share - 0.16) / 1.13), *_CORE_SHARE))
    enhancing = core * float(np.interp(enhancing_level, *_ENHANCING_SHARE))
    foci = []
    for _ in range(rng.choice(5, p=_FURTHER)):
        volume = whole * min(max(rng.lognormal(np.log(0.025), 0.7), 0.014), 0.15)
        has_core = rng.uniform() < 0.5
        inner = volume * rng.uniform(0.2, 0.6) if has_core else 0.0
        foci.append(Focus(volume, inner, inner * rng.uniform(0.5, 1.0) if enhancing > 0 else 0.0))
    rest = Focus(whole - sum(f.whole for f in foci), core, enhancing)
    return [rest, *foci]


def radius_of(ml: float) -> float:
    """Radius (mm) of a ball of `ml` millilitres: (3000 ml / 4 pi)^(1/3)."""
    return float((3000 * ml / (4 * np.pi)) ** (1 / 3))


def draw_seed(rng: np.random.Generator, brain: Brain, radius: float, allowed: np.ndarray) -> tuple | None:
    """A lattice index in white matter, deep enough for `radius` mm, drawn as in BraTS; None if there is no room."""
    x, y, z = np.meshgrid(*LATTICE, indexing="ij", sparse=True)
    likely = np.exp(-((np.abs(x - 118) - 35) ** 2) / (2 * 14.0**2) - ((y - 130) ** 2) / (2 * 30.0**2))
    likely = likely * np.exp(-((z - 66) ** 2) / (2 * 40.0**2)) * np.where(x > 118, 0.56, 0.44)
    likely = np.where(allowed & (brain.wm > 0.5) & (brain.depth > 3 + 0.2 * radius), likely, 0)
    total = np.cumsum(likely)
    if total[-1] == 0:
        return None
    return tuple(int(i) for i in np.unravel_index(np.searchsorted(total, rng.uniform(0, total[-1])), SHAPE))


def draw_core(rng: np.random.Generator, seed: tuple[int, int, int], ml: float) -> CoreShape:
    """An ellipsoid of `ml` millilitres with up to three lobes and some noise at two scales."""
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

# SPDX-License-Identifier: Apache-2.0
"""Healthy brains: the MNI152 tissue maps that come with nilearn, with a random warp for each brain."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from scripts.common.foreground import bounding_box
from scripts.simulation.lattice import LATTICE, SHAPE, noise

# Scale from the template to BraTS, and MNI's origin in the BraTS field (mm), fitted to eleven BraTS 2021 brains.
BASE_SCALE = np.array([0.945, 0.93, 0.90])
ORIGIN = np.array([118.5, 115.0, 64.0])


@dataclass(frozen=True)
class Template:
    """MNI152 maps, float32 (X, Y, Z) at 1 mm; `start` is the MNI position (mm) of the first voxel.

    `depth` is the distance from the brain mask's edge in mm, negative outside. `towards_ventricle` (3, X/2, Y/2, Z/2)
    has vectors towards the lateral ventricles, with length up to 1 at their walls.
    """

    t1: np.ndarray
    gm: np.ndarray
    wm: np.ndarray
    depth: np.ndarray
    towards_ventricle: np.ndarray
    start: np.ndarray


@dataclass(frozen=True)
class Brain:
    """One brain on some grid: tissue fractions and depth (mm) as arrays of it, MNI coordinates (3, ...) in mm."""

    gm: np.ndarray
    wm: np.ndarray
    csf: np.ndarray
    depth: np.ndarray
    mni: np.ndarray


@dataclass(frozen=True)
class Traits:
    """What differs besides the warp: `csf_level` (lower T1 of the template is fluid), `sharpness`, `age` 0 to 1."""

    csf_level: float
    sharpness: float
    age: float


@lru_cache(maxsize=1)
def template() -> Template:
    """Load the maps (offline) and derive depth and ventricles; about 3 s, once per process."""
    # imported here because the import takes a second and only this function needs it
    from nilearn.datasets import (
        load_mni152_brain_mask,
        load_mni152_gm_template,
        load_mni152_template,
        load_mni152_wm_template,
    )

    image = load_mni152_template(resolution=1)
    mask = ndimage.binary_fill_holes(np.asarray(load_mni152_brain_mask(resolution=1).dataobj) > 0)
    box = bounding_box(mask, (8, 8, 8))
    mask = np.pad(mask[box], ((0, 0), (0, 0), (8, 0)))  # the brain touches the template's lowest slice
    start = image.affine[:3, 3] + [edge.start for edge in box] - [0, 0, 8]

    def load(loader):
        return np.pad(np.asarray(loader(resolution=1).dataobj, dtype=np.float32)[box], ((0, 0), (0, 0), (8, 0)))

    t1, gm, wm = (load(f) for f in (load_mni152_template, load_mni152_gm_template, load_mni152_wm_template))
    # the template ends at its lowest slice; the brain has no edge there
    solid = mask.copy()
    solid[:, :, :8] = solid[:, :, 8:9]
    depth = ndimage.distance_transform_edt(solid[::2, ::2, ::2], sampling=2.0)
    depth -= ndimage.distance_transform_edt(~solid[::2, ::2, ::2], sampling=2.0)
    depth = ndimage.zoom(
        ndimage.gaussian_filter(depth, 0.7).astype(np.float32), 2, order=1, grid_mode=True, mode="nearest"
    )
    depth = depth[tuple(slice(n) for n in t1.shape)]

    x, y, z = (np.arange(n) + o for n, o in zip(t1.shape, start))
    middle = (
        (np.abs(x) < 40)[:, None, None] & ((y > -58) & (y < 40))[None, :, None] & ((z > -22) & (z < 34))[None, None]
    )
    holes, _ = ndimage.label((t1 < 0.5) & mask & middle & (depth > 25))
    seeds = [
        holes[tuple(np.round(np.array(p) - start).astype(int))] for p in ((-13, 5, 15), (13, 5, 15), (-20, -35, 15))
    ]
    ventricle = np.isin(holes, [s for s in seeds if s])
    pull = np.stack(np.gradient(ndimage.gaussian_filter(ventricle[::2, ::2, ::2].astype(np.float32), 2.5)))
    return Template(t1, gm, wm, depth, pull / np.abs(pull).max(), start)


def draw_traits(rng: np.random.Generator) -> Traits:
    """Age, 0 (young) to 1 (old), sets the width of the sulci; sharpness undoes the averaging in the template."""
    age = rng.uniform()
    return Traits(float(0.5 + 0.09 * age + rng.normal(0, 0.01)), float(rng.uniform(1.3, 2.2)), float(age))


def draw_warp(rng: np.random.Generator, age: float) -> np.ndarray:
    """Position of each point of the lattice in the template: MNI mm, float32 (3, X, Y, Z).

    Scale (0.9 to 1.12 per axis), rotation and shear of a few degrees, a left-right flip, smooth displacement at two
    scales (about 3 and 1.5 mm), and ventricles that widen with age.
    """
    scale = BASE_SCALE * np.clip(rng.normal(1, 0.03) + rng.normal(0, 0.03, 3), 0.9, 1.12)
    turn = Rotation.from_euler("xyz", rng.normal(0, [3.0, 2.5, 3.0]), degrees=True).as_matrix()
    shear = np.eye(3) + np.triu(rng.normal(0, 0.03, (3, 3)), 1)
    mirror = np.diag([-1.0 if rng.uniform() < 0.5 else 1.0, 1, 1])
    to_mni = (
        mirror @ np.linalg.inv(turn @ shear @ np.diag(scale)) @ np.diag([-1.0, -1.0, 1.0])
    )  # the arrays run to L, P, S
    centre = ORIGIN + rng.normal(0, [1.0, 3.0, 2.0])
    x, y, z = np.meshgrid(*[a - c for a, c in zip(LATTICE, centre)], indexing="ij", sparse=True)
    mni = np.empty((3, *SHAPE), dtype=np.float32)
    for axis in range(3):
        mni[axis] = to_mni[axis, 0] * x + to_mni[axis, 1] * y + to_mni[axis, 2] * z
        mni[axis] += 3.0 * noise(rng, 45.0) + 1.5 * noise(rng, 16.0)
    widening = -1.5 + 6.5 * age * rng.uniform(0.3, 1.0)  # mm at the wall; the template is of young adults
    pull = template().towards_ventricle
    places = (mni - template().start.astype(np.float32)[:, None, None, None]) / 2
    mni += widening * np.stack([ndimage.map_coordinates(p, places, order=1) for p in pull])
    return mni


def sample(volume: np.ndarray, mni: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """Values of a volume on the template's grid at MNI points (3, ...), by linear interpolation."""
    places = mni - template().start.astype(np.float32).reshape(3, *[1] * (mni.ndim - 1))
    return ndimage.map_coordinates(volume, places, order=1, cval=outside)


def tissues(mni: np.ndarray, traits: Traits) -> Brain:
    """The template's tissues at the points `mni` (3, ...): soft fractions that sum to 1 inside, 0 outside the brain."""
    source = template()
    t1, gm, wm = (sample(m, mni) for m in (source.t1, source.gm, source.wm))
    depth = sample(source.depth, mni, outside=-20.0)
    csf = np.clip((traits.csf_level - t1) / 0.12 + 0.5, 0, 1)
    csf = np.maximum(csf, 1 - np.clip(gm + wm, 0, 1) ** 0.5)
    gm, wm, csf = (np.power(np.maximum(m, 0), traits.sharpness) for m in (gm * (1 - csf), wm * (1 - csf), csf))
    total = np.where((depth > -3) & (mni[2] > source.start[2] + 7.5), gm + wm + csf, np.inf) + 1e-6
    return Brain(gm / total, wm / total, csf / total, depth, mni)

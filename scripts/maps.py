# SPDX-License-Identifier: Apache-2.0
"""Maps of one simulated subject: tissues, vessels and tumour labels, from a seed; stage 1 of the simulation."""

import os
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage

from scripts import anatomy, tumour
from scripts.lattice import FIELD, LATTICE, noise, read_off
from scripts.mass_effect import displaced, push
from scripts.tumour_sizes import draw_sizes
from scripts.vessels import draw_vessels

NCR, ED, ET = 1, 2, 4  # BraTS numbering


def make_maps(seed: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a subject."""
    rng = np.random.default_rng(seed)
    traits = anatomy.draw_traits(rng)
    mni = anatomy.draw_warp(rng, traits.age)
    brain = anatomy.tissues(mni, traits)
    skull = rng.uniform(0.5, 2.2) + 0.6 * noise(rng, 25.0)
    sizes = draw_sizes(rng)
    main = sizes[0]
    radius = (750 * main.core / np.pi) ** (1 / 3)
    closed = tumour.barriers(brain)
    shape = tumour.draw_core(rng, tumour.draw_seed(rng, brain, radius, ~closed), main.core)
    inside = brain.depth > skull
    rough = (shape.field < tumour.cut(shape.field, inside, main.core)) & inside
    mni = displaced(mni, push(rough, brain.csf, brain.depth, rng.uniform(0.3, 1.2)))
    brain = anatomy.tissues(mni, traits)
    closed = tumour.barriers(brain) | (brain.depth < skull)
    levels = tumour.grow(rng, brain, shape, main, closed)
    for size in sizes[1:]:
        taken = levels.whole < 0
        gap = ndimage.distance_transform_edt(~taken, sampling=2.0)
        reach = (750 * size.whole / np.pi) ** (1 / 3)
        allowed = ~closed & (gap > reach + 4) & (gap < reach + 45)
        if not (allowed & (brain.wm > 0.5) & (brain.depth > 4 + 0.25 * reach)).any():
            continue
        other = tumour.draw_core(rng, tumour.draw_seed(rng, brain, reach, allowed), size.core or size.whole)
        more = tumour.grow(rng, brain, other, size, closed | (gap < 4))
        nearer = more.whole < levels.whole
        levels = tumour.Levels(*[np.where(nearer, b, a) for a, b in zip(vars(levels).values(), vars(more).values())])
    return render(mni, traits, skull, draw_vessels(rng), levels, spacing)


def render(mni, traits, skull, vessels, levels, spacing):
    shape = [int(np.ceil(extent / spacing)) for extent in FIELD]
    places = [np.arange(n) * spacing for n in shape]
    box = tuple(slice(*np.searchsorted(p, (a[0] + 2, a[-1] - 2))) for p, a in zip(places, LATTICE))
    axes = [p[s] for p, s in zip(places, box)]
    points = np.stack([read_off(m, axes) for m in mni])
    near = read_off(anatomy.tissues(mni, traits).depth, axes) > -3
    brain = anatomy.tissues(points[:, near], traits)
    edge = read_off(skull, axes)[near]
    if spacing > 1:  # thin vessels would otherwise fall between coarse voxels
        vessels = ndimage.gaussian_filter(vessels, 0.35 * spacing)
    vessel = np.clip(anatomy.sample(vessels, points[:, near]), 0, 1)
    tissue = np.stack([brain.gm, brain.wm, brain.csf]) * (1 - vessel)
    fractions = np.concatenate([tissue, vessel[None]])
    # Strippers often leave the sinuses, which lie outside the pia.
    fractions *= np.clip((brain.depth + 3 * vessel - edge) / spacing + 0.5, 0, 1)
    label = np.zeros(near.shape, dtype=np.uint8)
    core = read_off(levels.core, axes) < 0
    label[(read_off(levels.whole, axes) < 0) | core] = ED
    label[core] = ET
    label[core & (read_off(levels.necrosis, axes) < 0)] = NCR
    maps = np.zeros((5, *shape), dtype=np.uint8)
    view = maps[(slice(None), *box)]
    view[:4, near] = (fractions * 254.9).astype(np.uint8)
    label[view[:4].sum(0, dtype=int) < 128] = 0
    view[4] = drop_small(label)
    affine = np.diag([-spacing, -spacing, spacing, 1.0])
    affine[1, 3] = 239.0
    return maps, affine


def drop_small(label: np.ndarray, share: float = 0.01) -> np.ndarray:
    """Without components below `share` of the largest."""
    parts, count = ndimage.label(label > 0)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.where((sizes >= share * sizes.max())[parts], label, 0)


def save_maps(path: str | os.PathLike, maps: np.ndarray, affine: np.ndarray) -> None:
    """Write one subject, all or nothing: a killed run leaves no half-written file under `path`."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, maps=maps, affine=affine)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_maps(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Read what `save_maps` wrote: maps uint8 (5, X, Y, Z) and affine (4, 4)."""
    with np.load(path) as stored:
        return stored["maps"], stored["affine"]

# SPDX-License-Identifier: Apache-2.0
"""Stage 1 of the simulation: the maps of one subject (tissues, vessels, tumour labels) from a seed."""

import os
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.labels import LABEL_CONVENTIONS
from scripts.simulation import anatomy, tumour
from scripts.simulation.lattice import FIELD, LATTICE, STEP, noise, read_off
from scripts.simulation.mass_effect import displaced_warp, tissue_shift
from scripts.simulation.tumour_core import draw_core, draw_seed, draw_sizes, radius_of
from scripts.simulation.vessels import draw_vessels

# The least and the greatest voxel size of a simulated subject, in mm.
SPACINGS_MM = (0.5, 8)
NCR, ED, ET = (LABEL_CONVENTIONS["brats"][tissue] for tissue in ("core", "oedema", "enhancing"))


@dataclass(frozen=True)
class Subject:
    """One subject before it is sampled on a grid: smooth fields on the lattice, vessels on the template's grid.

    `mni` (3, X, Y, Z) is the position of each point in the template (mm), `skull` how deep skull stripping cuts (mm).
    """

    mni: np.ndarray
    traits: anatomy.Traits
    skull: np.ndarray
    vessels: np.ndarray
    levels: tumour.Levels


def make_maps(seed: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw the subject of a seed on a grid: tissues, vessels and tumour. At another spacing it is the same subject.

    Args:
        seed: non-negative.
        spacing: voxel size in mm, in `SPACINGS_MM`.

    Returns:
        Maps uint8 (5, X, Y, Z): grey matter, white matter, fluid, vessels and dura as fractions of 255 that sum to at
        most 255, and labels 0, 1 NCR, 2 ED, 4 ET. X, Y, Z = ceil(240, 240, 155 mm / spacing), axes to L, P, S as in
        BraTS. Affine float64 (4, 4), voxel to RAS mm. This takes about 2 s at 2 mm and 3 s at 1 mm, and 2 s more for
        the first subject of a process.

    Raises:
        UserError: `spacing` out of range.
    """
    check_spacing(spacing)
    return render(draw_subject(seed), spacing)


def check_spacing(spacing: float) -> None:
    """UserError unless `spacing` is a number of mm in `SPACINGS_MM`."""
    least, greatest = SPACINGS_MM
    if type(spacing) not in (int, float) or not least <= spacing <= greatest:
        raise UserError(
            f"spacing is {spacing!r}, but subjects are simulated at {least} to {greatest} mm: set --spacing to 1 to 3."
        )


def draw_subject(seed: int) -> Subject:
    """A brain, and a tumour that displaces it and grows into it."""
    rng = np.random.default_rng(seed)
    traits = anatomy.draw_traits(rng)
    mni = anatomy.draw_warp(rng, traits.age)
    skull = np.clip(rng.uniform(0.5, 2.2) + 0.6 * noise(rng, 25.0), -0.5, 4).astype(np.float32)
    vessels = draw_vessels(rng)
    main, *others = draw_sizes(rng)

    brain = anatomy.tissues(mni, traits)
    closed = tumour.barriers(brain)
    seed_place = draw_seed(rng, brain, radius_of(main.core), ~closed)
    shape = draw_core(rng, seed_place, main.core)
    inside = brain.depth > skull
    ball = (shape.field < tumour.level_of_volume(shape.field, inside, main.core)) & inside
    mni = displaced_warp(mni, tissue_shift(ball, brain.csf, brain.depth, rng.uniform(0.3, 1.2)))

    brain = anatomy.tissues(mni, traits)
    closed = tumour.barriers(brain) | (brain.depth < skull)
    levels = tumour.grow(rng, brain, shape, main, closed)
    return Subject(mni, traits, skull, vessels, tumour.add_satellites(rng, brain, levels, others, closed))


def render(subject: Subject, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample a subject on a grid of `spacing` mm; returns what `make_maps` does. The template is resampled once."""
    grid = [np.arange(np.ceil(extent / spacing)) * spacing for extent in FIELD]
    box = tuple(slice(*np.searchsorted(g, (a[0] + STEP, a[-1] - STEP))) for g, a in zip(grid, LATTICE))
    axes = [g[part] for g, part in zip(grid, box)]

    points = np.stack([read_off(m, axes) for m in subject.mni])
    near = anatomy.sample(anatomy.template().depth, points, outside=-20.0) > -3
    points = points[:, near]
    brain = anatomy.tissues(points, subject.traits)
    vessels = subject.vessels
    if spacing > 1:  # so that no thin vessel is lost between coarse voxels
        vessels = ndimage.gaussian_filter(vessels, 0.35 * spacing)
    vessel = np.clip(anatomy.sample(vessels, points), 0, 1)
    fractions = np.stack([*(t * (1 - vessel) for t in (brain.gm, brain.wm, brain.csf)), vessel])
    # skull stripping often leaves the sinuses, which lie outside the brain
    edge = read_off(subject.skull, axes)[near] - 3 * vessel
    fractions *= np.clip((brain.depth - edge) / spacing + 0.5, 0, 1) * (brain.gm + brain.wm + brain.csf > 0.5)

    whole, core, necrosis = (read_off(level, axes) < 0 for level in vars(subject.levels).values())
    label = np.where(core, np.where(necrosis, NCR, ET), np.where(whole, ED, 0)).astype(np.uint8)
    maps = np.zeros((5, *map(len, grid)), dtype=np.uint8)
    view = maps[(slice(None), *box)]
    view[:4, near] = (fractions * 254.99).astype(np.uint8)
    label[view[:4].sum(0, dtype=np.uint16) < 128] = 0
    view[4] = drop_small(label)
    affine = np.diag([-spacing, -spacing, spacing, 1.0])
    affine[1, 3] = FIELD[1] - 1
    return maps, affine


def drop_small(label: np.ndarray, share: float = 0.01) -> np.ndarray:
    """A label map without the components (6 neighbours) that are smaller than `share` of the largest."""
    parts, count = ndimage.label(label > 0)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.where((sizes >= share * sizes.max())[parts], label, 0)


def save_maps(path: str | os.PathLike, maps: np.ndarray, affine: np.ndarray) -> None:
    """Write one subject's maps to `path` (a .npz), whole or not at all. The same maps give the same bytes."""
    save_atomically(path, lambda file: np.savez_compressed(file, maps=maps, affine=affine))


def load_maps(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """The maps, uint8 (5, X, Y, Z), and affine (4, 4) that `save_maps` wrote.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with np.load(path) as stored:
            return stored["maps"], stored["affine"]
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError) as error:
        raise UserError(
            f"{path} is damaged ({error}): remove the folder of its subject and the cohort's dataset.json, and start again, "
            "which simulates this subject anew."
        ) from error

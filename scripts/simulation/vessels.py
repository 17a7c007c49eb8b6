# SPDX-License-Identifier: Apache-2.0
"""What enhances on T1ce outside tumours: sinuses, falx, dura, arteries, cortical veins and choroid plexus."""

import numpy as np
from scipy import ndimage
from scipy.interpolate import make_interp_spline
from scripts.simulation.anatomy import template
from scripts.simulation.lattice import noise

# Points in MNI mm, radius in mm, brightness. Ours, drawn by eye on the template; PAIRED is the right side.
MIDLINE = (
    (((0, -42, 6), (0, -62, 4), (0, -85, -6), (0, -102, -6)), 1.8, 0.9),  # straight sinus
    (((0, -14, -14), (0, -20, -22), (0, -26, -36), (0, -24, -52)), 1.4, 0.8),  # basilar artery
)
# The falx reaches down to FALX_EDGE[1] (z in mm) at FALX_EDGE[0] (y in mm).
FALX_EDGE = ((-110, -60, -48, -30, 0, 40, 55, 66), (-5, 0, 12, 40, 50, 45, 25, 0))
PAIRED = (
    (((4, -103, -8), (28, -92, -20), (50, -70, -28), (58, -52, -34), (52, -42, -46)), 3.2, 1.0),  # transverse sinus
    (((13, -8, -40), (14, 0, -28), (12, 4, -18)), 1.8, 0.8),  # internal carotid
    (
        ((12, 4, -18), (24, 5, -19), (36, 2, -14), (42, -6, -4), (44, -22, 8), (50, -40, 20)),
        1.2,
        0.8,
    ),  # middle cerebral
    (((36, 2, -14), (44, 8, -6), (48, 16, 4), (52, 10, 16)), 0.9, 0.7),
    (
        ((12, 4, -18), (4, 12, -16), (3, 30, -10), (3, 40, 6), (3, 32, 24), (3, 10, 34), (3, -15, 38)),
        1.0,
        0.7,
    ),  # anterior
    (((2, -16, -16), (14, -22, -16), (24, -34, -8), (20, -52, 0), (14, -74, 6)), 1.0, 0.7),  # posterior
    (((3, 0, 12), (3, -20, 14), (2, -38, 8)), 1.0, 0.7),  # internal cerebral vein
    (((4, 0, 15), (10, -14, 18), (18, -30, 16), (24, -42, 8), (30, -34, -6)), 2.0, 0.6),  # choroid plexus
)


def draw_vessels(rng: np.random.Generator) -> np.ndarray:
    """A map (X, Y, Z) from 0 to 1 on the template's grid; about half of the brightness varies between subjects."""
    source = template()
    canvas = np.zeros(source.t1.shape, dtype=np.float32)
    for points, radius, bright in MIDLINE:
        _tube(canvas, np.asarray(points, float), radius * rng.uniform(0.7, 1.3), bright * rng.uniform(0.6, 1.0))
    for points, radius, bright in PAIRED:
        for side in (-1, 1):
            course = np.asarray(points, float) + rng.normal(0, 1.0, (len(points), 3))
            _tube(canvas, course * (side, 1, 1), radius * rng.uniform(0.6, 1.3), bright * rng.uniform(0.4, 1.0))
    sagittal = [_surface((0, np.cos(a), np.sin(a)), rng.uniform(0.5, 2.5)) for a in np.linspace(-0.1, 3.35, 12)]
    _tube(canvas, np.array(sagittal), rng.uniform(2.5, 4.0), rng.uniform(0.6, 1.0))
    for side in np.repeat((-1, 1), rng.integers(4, 9)):
        _tube(canvas, _cortical_vein(rng, side), rng.uniform(0.6, 1.3), rng.uniform(0.4, 0.9))
    _falx_and_dura(rng, canvas)
    return canvas


def _tube(canvas: np.ndarray, points: np.ndarray, radius: float, bright: float) -> None:
    """Draw a smooth tube through `points` (N, 3) in MNI mm, into `canvas`."""
    steps = np.linspace(0, 1, max(2, int(2 * np.linalg.norm(np.diff(points, axis=0), axis=1).sum())))
    course = make_interp_spline(np.linspace(0, 1, len(points)), points, k=min(3, len(points) - 1))(steps)
    course = course - template().start
    reach = int(np.ceil(radius + 2))
    low = np.maximum(np.floor(course.min(0)).astype(int) - reach, 0)
    high = np.minimum(np.ceil(course.max(0)).astype(int) + reach + 1, canvas.shape)
    if (high <= low).any():
        return
    empty = np.ones(high - low, dtype=bool)
    inside = np.round(course - low).astype(int)
    inside = inside[((inside >= 0) & (inside < empty.shape)).all(1)]
    empty[tuple(inside.T)] = False
    if empty.all():
        return
    distance = ndimage.distance_transform_edt(empty)
    part = canvas[tuple(slice(a, b) for a, b in zip(low, high))]
    np.maximum(part, bright * np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32), out=part)


def _surface(way: tuple, below: float) -> np.ndarray:
    """The point (3,) in MNI mm that lies `below` mm under the brain's surface, in direction `way` from its middle."""
    source = template()
    ray = np.array([0, -18, 8]) + np.arange(20, 110, 1.0)[:, None] * np.asarray(way)
    depth = ndimage.map_coordinates(source.depth, (ray - source.start).T, order=1, cval=-20)
    return ray[np.argmax(depth < below)]


def _cortical_vein(rng: np.random.Generator, side: int) -> np.ndarray:
    """A course on the brain's surface from the side of a hemisphere towards the sagittal sinus, MNI mm (N, 3)."""
    along, spread = rng.uniform(-1.2, 1.2), rng.normal(0, 0.15, 5).cumsum()
    points = []
    for rise, turn in zip(np.linspace(rng.uniform(0.1, 0.7), 1.45, 5), spread):
        way = (side * np.cos(rise) * np.cos(along + turn), np.cos(rise) * np.sin(along + turn), np.sin(rise))
        points.append(_surface(way, rng.uniform(1.5, 3.5)))
    return np.array(points)


def _falx_and_dura(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """The falx between the hemispheres, deeper at the back, and patches of dura that skull stripping has left."""
    source = template()
    x, y, z = (np.arange(n) + o for n, o in zip(canvas.shape, source.start))
    rows = slice(*np.searchsorted(x, (-3, 4)))
    sheet = z[None, None, :] > np.interp(y, *FALX_EDGE)[None, :, None]
    thick = np.clip(rng.uniform(0.8, 1.3) - np.abs(x[rows]), 0, 1)[:, None, None]
    patchy = np.clip(0.6 + 0.4 * _template_noise(rng, 20.0)[rows], 0.1, 1)
    np.maximum(canvas[rows], rng.uniform(0.3, 0.9) * thick * sheet * patchy, out=canvas[rows])
    patches = np.clip(_template_noise(rng, 22.0) - rng.uniform(0.8, 2.2), 0, 1) * np.clip(3.0 - source.depth, 0, 1)
    np.maximum(canvas, rng.uniform(0.5, 1.0) * patches, out=canvas)


def _template_noise(rng: np.random.Generator, length: float) -> np.ndarray:
    source = template()
    return noise(rng, length, [np.arange(n, dtype=float) for n in source.t1.shape])

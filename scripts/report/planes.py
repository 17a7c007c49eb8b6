# SPDX-License-Identifier: Apache-2.0
"""Chooses the slices of a scan that are shown, in three planes and in radiological orientation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scripts.common.foreground import bounding_box

NAMES = ("axial", "coronal", "sagittal")
# The directions at the left, right, upper and lower edge of each plane.
EDGES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
MARGIN_MM = 6  # around the head, for the letters at the edges

_AXIS = {"axial": 2, "coronal": 1, "sagittal": 0}
# axes that run to the patient's left, back and feet: each plane, transposed, is then in radiological orientation
_DISPLAY = nib.orientations.axcodes2ornt("LPI")


def to_display(volume: np.ndarray, affine) -> np.ndarray:
    """A volume (X, Y, Z) of any orientation with its axes turned and flipped to left, posterior, inferior; a view.

    Oblique scans are turned by multiples of a right angle only, not resampled.
    """
    return nib.orientations.apply_orientation(np.asarray(volume), _turn(affine))


def _turn(affine) -> np.ndarray:
    return nib.orientations.ornt_transform(nib.io_orientation(np.asarray(affine)), _DISPLAY)


def display_sizes(affine) -> np.ndarray:
    """The voxel sizes in mm (3,) along the axes of a volume in display orientation, by the file's own affine."""
    sizes = np.empty(3)
    sizes[_turn(affine)[:, 0].astype(int)] = nib.affines.voxel_sizes(np.asarray(affine))
    return sizes


@dataclass(frozen=True)
class Plane:
    """Slices of a volume in display orientation, all in one plane.

    Attributes:
        name: of `NAMES`.
        places: index of each slice along the plane's axis in display orientation, in the file's own order.
        start: which of them is shown first.
        numbers: number of each slice in the file, from 1.
        count: how many slices the file has.
        rows, columns: the part that holds the head.
        row_mm, column_mm: height and width of a pixel.
    """

    name: str
    places: Sequence[int]
    start: int
    numbers: Sequence[int]
    count: int
    rows: slice
    columns: slice
    row_mm: float
    column_mm: float

    def cut(self, volume: np.ndarray) -> np.ndarray:
        """The slices of a volume in display orientation, one below the other, each followed by an empty row.

        The empty row keeps outlines of neighbours apart.

        Args:
            volume: (X, Y, Z).

        Returns:
            pixels (slices x (rows + 1), columns), the first row of each slice uppermost.
        """
        axis = (slice(None),) * _AXIS[self.name]
        rows, columns = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        pixels = np.zeros((len(self.places), rows + 1, columns), dtype=volume.dtype)
        for pixel, place in zip(pixels, self.places):
            pixel[:-1] = volume[(*axis, place)].T[self.rows, self.columns]
        return pixels.reshape(-1, columns)

    @property
    def height_mm(self) -> float:
        return (self.rows.stop - self.rows.start) * self.row_mm

    @property
    def width_mm(self) -> float:
        return (self.columns.stop - self.columns.start) * self.column_mm

    @property
    def pitch_mm(self) -> float:
        """From a slice of `cut` to the next."""
        return self.height_mm + self.row_mm


def planes_through(tumour: np.ndarray, head: np.ndarray, affine, slices: int = 1) -> list[Plane]:
    """Axial, coronal and sagittal slices at equal distances through the head, cropped to it.

    One of them is that in which the tumour's area is largest; it is shown first.

    Args:
        tumour: bool (X, Y, Z) in display orientation; if it is empty, the middle of the head is shown first.
        head: bool, of the same shape; if it is empty, nothing is cropped.
        affine: (4, 4) voxel to RAS mm of the volume as it lies in the file.
        slices: at most so many in each plane.

    Returns:
        planes in the order of `NAMES`; of equally large slices the first is taken.
    """
    turn = _turn(affine)
    size, flipped = display_sizes(affine), np.empty(3, dtype=bool)
    flipped[turn[:, 0].astype(int)] = turn[:, 1] < 0
    whole = head if head.any() else np.ones_like(head)
    extent = [(part.start, part.stop) for part in bounding_box(whole)]
    box = bounding_box(whole, np.ceil(MARGIN_MM / size).astype(int))
    planes = []
    for name in NAMES:
        axis = _AXIS[name]
        across, down = (other for other in range(3) if other != axis)
        areas = np.count_nonzero(tumour, axis=(across, down))
        at = int(areas.argmax()) if areas.any() else sum(extent[axis]) // 2
        count = tumour.shape[axis]
        shown = spread(at, *extent[axis], slices)[:: -1 if flipped[axis] else 1]
        numbers = [count - place if flipped[axis] else place + 1 for place in shown]
        pixels = (box[down], box[across], float(size[down]), float(size[across]))
        planes.append(Plane(name, shown, shown.index(at), numbers, count, *pixels))
    return planes


def spread(at: int, first: int, stop: int, slices: int) -> range:
    """At most so many places from ``first`` to before ``stop``, at equal distances, one of them ``at``."""
    first, stop = min(first, at), max(stop, at + 1)
    step = math.ceil((stop - first) / slices)
    return range(at - (at - first) // step * step, stop, step)

# SPDX-License-Identifier: Apache-2.0
"""Chooses the three planes of a scan that are shown, in radiological orientation."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np

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


@dataclass(frozen=True)
class Plane:
    """One plane of a volume in display orientation.

    Attributes:
        name: of `NAMES`.
        at: index along the plane's axis in display orientation.
        number, count: number of the slice in the file's own order, from 1, and how many slices there are.
        rows, columns: the part that holds the head.
        row_mm, column_mm: height and width of a pixel.
    """

    name: str
    at: int
    number: int
    count: int
    rows: slice
    columns: slice
    row_mm: float
    column_mm: float

    def cut(self, volume: np.ndarray) -> np.ndarray:
        """The plane's pixels (rows, columns) of a volume in display orientation, the first row uppermost; a view."""
        return volume[(slice(None),) * _AXIS[self.name] + (self.at,)].T[self.rows, self.columns]

    @property
    def height_mm(self) -> float:
        return (self.rows.stop - self.rows.start) * self.row_mm

    @property
    def width_mm(self) -> float:
        return (self.columns.stop - self.columns.start) * self.column_mm


def planes_through(tumour: np.ndarray, head: np.ndarray, affine) -> list[Plane]:
    """The axial, coronal and sagittal plane in which the tumour's area is largest, cropped to the head.

    Args:
        tumour: bool (X, Y, Z) in display orientation; if it is empty, the planes go through the middle of the head.
        head: bool, of the same shape; if it is empty, nothing is cropped.
        affine: (4, 4) voxel to RAS mm of the volume as it lies in the file.

    Returns:
        planes in the order of `NAMES`; the first of equally large slices.
    """
    turn = _turn(affine)
    size, flipped = np.empty(3), np.empty(3, dtype=bool)
    places = turn[:, 0].astype(int)
    size[places] = nib.affines.voxel_sizes(np.asarray(affine))
    flipped[places] = turn[:, 1] < 0
    box = [_range(head.any(tuple(set(range(3)) - {axis})), size[axis]) for axis in range(3)]
    planes = []
    for name in NAMES:
        axis = _AXIS[name]
        across, down = (other for other in range(3) if other != axis)
        areas = np.count_nonzero(tumour, axis=(across, down))
        at = int(areas.argmax()) if areas.any() else (box[axis].start + box[axis].stop) // 2
        count = tumour.shape[axis]
        number = count - at if flipped[axis] else at + 1
        planes.append(Plane(name, at, number, count, box[down], box[across], float(size[down]), float(size[across])))
    return planes


def _range(line: np.ndarray, voxel_mm: float) -> slice:
    """From the first to the last true element, with a margin; everything if there is none."""
    hits = np.flatnonzero(line)
    if not len(hits):
        return slice(0, len(line))
    margin = int(np.ceil(MARGIN_MM / voxel_mm))
    return slice(max(0, int(hits[0]) - margin), min(len(line), int(hits[-1]) + 1 + margin))

# SPDX-License-Identifier: Apache-2.0
"""The outline of a binary map as an SVG path."""

import threading

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_MADE = threading.local()


def outline(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a binary map, halfway between inner and outer pixels (marching squares).

    Args:
        mask: bool (rows, columns).

    Returns:
        per outline (points, 2) integers, (across, down) in **half** pixels from the map's upper left corner, so that
        the middle of pixel (row, column) is at (2 column + 1, 2 row + 1); the last point is the first.
    """
    if not mask.any():
        return []
    padded = np.pad(mask, 1)  # closes outlines at the map's edge
    contours = _axes().contour(padded.astype(np.uint8), levels=[0.5])
    lines = contours.allsegs[0]
    contours.remove()
    # corners lie at halves of pixels; padded pixel (1, 1) is the map's (0, 0)
    return [np.rint(2 * line - 1).astype(int) for line in lines]


def _axes() -> Axes:
    """Axes to contour in, made once a thread: making them takes longer than the contours."""
    if not hasattr(_MADE, "axes"):
        _MADE.axes = Figure().subplots()
    return _MADE.axes


def svg_path(mask: np.ndarray) -> str:
    """`outline` as the ``d`` of an SVG path in half pixels; points on straight stretches are left out."""
    return "".join(_path(points) for points in outline(mask))


def _path(points: np.ndarray) -> str:
    steps = np.diff(points, axis=0)
    turns = np.flatnonzero((steps[1:] != steps[:-1]).any(1)) + 1  # marching squares makes equal steps on a line
    corners = points[np.r_[0, turns]]
    relative = np.diff(corners, axis=0)
    return f"M{corners[0][0]} {corners[0][1]}l" + " ".join(f"{x} {y}" for x, y in relative) + "z"

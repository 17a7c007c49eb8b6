# SPDX-License-Identifier: Apache-2.0
"""The outlines of a binary map as an SVG path."""

import numpy as np
from contourpy import contour_generator


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a binary map, halfway between inner and outer pixels (marching squares).

    Args:
        mask: bool (rows, columns).

    Returns:
        per outline (points, 2) integers, (across, down) in **half** pixels from the map's upper left corner: the
        middle of pixel (row, column) is at (2 column + 1, 2 row + 1). The last point is the first.
    """
    padded = np.pad(mask, 1).astype(float)  # the margin closes outlines at the map's edge
    return [np.rint(2 * line - 1).astype(int) for line in contour_generator(z=padded).lines(0.5)]


def svg_path(mask: np.ndarray) -> str:
    """`outlines` as the ``d`` of an SVG path in half pixels; points on straight stretches are left out."""
    return "".join(map(_closed_path, outlines(mask)))


def _closed_path(points: np.ndarray) -> str:
    steps = np.diff(points, axis=0)
    turns = np.flatnonzero((steps[1:] != steps[:-1]).any(1)) + 1  # steps on a straight stretch are equal
    corners = points[np.r_[0, turns]]
    sides = " ".join(f"{x} {y}" for x, y in np.diff(corners, axis=0))
    return f"M{corners[0][0]} {corners[0][1]}l{sides}z"

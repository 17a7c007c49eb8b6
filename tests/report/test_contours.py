# SPDX-License-Identifier: Apache-2.0
"""Outlines against lines that are known by hand."""

import re

import numpy as np
from scripts.report.contours import outlines, svg_path


def _mask(*pixels, shape=(5, 6)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    for pixel in pixels:
        mask[pixel] = True
    return mask


def test_one_pixel_is_a_diamond_around_its_middle():
    (points,) = outlines(_mask((2, 3)))
    # row 2, column 3 has its middle at (2 * 3 + 1, 2 * 2 + 1) half pixels; the contour is one half pixel away
    assert {tuple(point) for point in points} == {(7, 4), (8, 5), (7, 6), (6, 5)}
    assert tuple(points[0]) == tuple(points[-1])


def test_a_rectangle_has_straight_sides_between_pixels_and_cut_corners():
    mask = _mask()
    mask[1:3, 2:5] = True  # rows 1 and 2, columns 2 to 4: from (4, 2) to (10, 6) half pixels
    # z closes the path: eight corners need a start and seven sides
    assert _corners(svg_path(mask)) == {(5, 2), (9, 2), (10, 3), (10, 5), (9, 6), (5, 6), (4, 5), (4, 3)}
    assert svg_path(mask).count(" ") == 1 + 7 + 6


def _corners(path: str) -> set[tuple[int, int]]:
    """The corners of a path of one outline."""
    start, sides = re.fullmatch(r"M(\d+ \d+)l(.*)z", path).groups()
    numbers = np.array([start, *re.findall(r"-?\d+ -?\d+", sides)])
    return set(map(tuple, np.cumsum([list(map(int, pair.split())) for pair in numbers], axis=0).tolist()))


def test_a_path_returns_to_its_start():
    rng = np.random.default_rng(0)
    for path in svg_path(rng.random((12, 9)) > 0.5).split("z")[:-1]:
        numbers = [list(map(int, pair.split())) for pair in re.findall(r"-?\d+ -?\d+", path.split("l")[1])]
        across, down = np.abs(np.sum(numbers, axis=0))  # what z has to draw: one straight side
        assert across == 0 or down == 0 or across == down


def test_parts_and_holes_have_outlines_of_their_own():
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    assert len(outlines(mask)) == 2
    assert len(outlines(_mask((0, 0), (4, 5)))) == 2


def test_a_region_at_the_edge_is_closed():
    (points,) = outlines(np.ones((2, 2), dtype=bool))
    assert points.min() == 0 and points.max() == 4


def test_nothing_has_no_path():
    assert svg_path(_mask()) == ""

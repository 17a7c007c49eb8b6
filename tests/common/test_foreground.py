# SPDX-License-Identifier: Apache-2.0
"""Images are cut to the box of what is not 0 in any channel."""

import numpy as np
from scripts.common.foreground import bounding_box, cut_to_brain


def test_the_box_holds_every_voxel_that_is_not_0_in_any_channel():
    image = np.zeros((2, 5, 6, 7))
    image[0, 1, 2, 3], image[1, 3, 2, 5] = 1, -2
    cut = cut_to_brain(image)
    assert cut.shape == (2, 3, 1, 3)
    assert cut[0, 0, 0, 0] == 1 and cut[1, 2, 0, 2] == -2


def test_an_empty_image_has_an_empty_box():
    assert cut_to_brain(np.zeros((2, 3, 4, 5))).shape == (2, 0, 0, 0)


def test_box_of_an_empty_map_has_no_voxel_and_that_of_one_voxel_has_it_alone():
    inside = np.zeros((4, 5, 6), bool)
    assert inside[bounding_box(inside)].size == 0
    inside[1, 2, 3] = True
    assert bounding_box(inside) == (slice(1, 2), slice(2, 3), slice(3, 4))


def test_margins_end_at_the_edges_of_the_map():
    inside = np.zeros((4, 9, 6), bool)
    inside[1, 4, 5] = True
    assert bounding_box(inside, (2, 3, 1)) == (slice(0, 4), slice(1, 8), slice(4, 6))
    assert inside[bounding_box(np.zeros_like(inside), (2, 3, 1))].size == 0

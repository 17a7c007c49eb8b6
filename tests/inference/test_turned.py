# SPDX-License-Identifier: Apache-2.0
"""A brain that does not lie as its header says is recognised by its shape."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.inference.segmentation_record import RecordSegmentationd
from scripts.inference.turned import SENTENCES, TurnedBraind, dome, fullness, symmetry, turned


def _brain():
    """140 x 170 x 130 mm in voxels of 2 mm: a half ellipsoid, fuller at the back, with a gap in its base."""
    x, y, z = (np.linspace(-1, 1, size)[:, None, None].swapaxes(0, axis) for axis, size in enumerate((70, 85, 65)))
    brain = (x / (0.75 - 0.25 * y) ** 1.5) ** 2 + y**2 + ((z + 1) / 2) ** 2 < 1
    brain[30:40, :, :15] = False
    brain[:, 40:45, :15] = False
    hit = [np.flatnonzero(brain.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return brain[tuple(slice(each[0], each[-1] + 1) for each in hit)]


def test_a_brain_that_lies_right_is_not_flagged_nor_is_its_mirror_image():
    assert turned(_brain(), (2, 2, 2)) is None
    assert turned(_brain()[::-1], (2, 2, 2)) is None


@pytest.mark.parametrize(
    "turn, why",
    [
        (lambda brain: brain.transpose(1, 0, 2), "symmetry"),
        (lambda brain: brain.transpose(2, 1, 0), "symmetry"),
        (lambda brain: brain[..., ::-1], "dome"),
        (lambda brain: brain[:, ::-1], "fullness"),
    ],
    ids=["on its side", "turned to the side", "upside down", "back to front"],
)
def test_a_turned_brain_is_told_with_what_speaks_against_its_orientation(turn, why):
    assert turned(turn(_brain()), (2, 2, 2)) == SENTENCES[why]


def test_a_part_of_a_brain_is_not_judged():
    assert turned(_brain()[..., :40][..., ::-1], (2, 2, 2)) is None  # 80 mm high
    assert turned(np.zeros((0, 0, 0), bool), (2, 2, 2)) is None


def test_symmetry_is_the_share_of_voxels_that_a_mirror_keeps_less_the_largest_of_the_other_axes():
    brain = np.ones((2, 2, 1), bool)
    brain[0, 0] = False  # mirrored along x or y two of three voxels are the same, along z all
    assert symmetry(brain) == pytest.approx(2 / 3 - 1)


def test_fullness_is_the_skewness_of_the_area_along_y():
    brain = np.zeros((2, 2, 2), bool)
    brain[0, 0, 0] = brain[1, 0, 0] = brain[0, 0, 1] = brain[0, 1, 0] = True  # areas 3 and 1
    # places 0, 0, 0, 1 have a mean of 1/4, a variance of 3/16 and a third moment of 3/32
    assert fullness(brain) == pytest.approx((3 / 32) / (3 / 16) ** 1.5)
    assert fullness(brain[:, ::-1]) == pytest.approx(-(3 / 32) / (3 / 16) ** 1.5)


def test_dome_is_the_jaggedness_of_the_base_less_that_of_the_top():
    brain = np.ones((12, 12, 40), bool)
    brain[4:8, 4:8, :20] = False  # outline 4 x 12 + 4 x 4 = 64, area 144 - 16 = 128
    assert dome(brain, 2.0) == pytest.approx(64 / np.sqrt(128) - 4)


@pytest.mark.parametrize("flip, flagged", [(False, 0), (True, 1)])
def test_the_record_flags_it(flip, flagged):
    image = torch.from_numpy(_brain().copy())[None].float()
    image = MetaTensor(image.flip(3) if flip else image, affine=np.diag([2.0, 2, 2, 1]))
    data = {"subject": "S1", "sequences": "t2", "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": 0.0}, "image": image}
    data |= {
        "label_map": MetaTensor(torch.zeros(2, 2, 2)),
        "quality": {"entropy_bits": 0.1, "mirror_disagreement": None},
    }
    flags = RecordSegmentationd([])(TurnedBraind()(data))["record"]["flags"]
    assert len(flags) == flagged
    assert all(flag.endswith("left, front or top may be wrong: " + SENTENCES["dome"]) for flag in flags)

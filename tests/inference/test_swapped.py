# SPDX-License-Identifier: Apache-2.0
"""Fluid is bright on T2 and dark on the others, which tells whether two scans were swapped."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.inference.segmentation_record import RecordSegmentationd
from scripts.inference.swapped import SwappedSequencesd, fluid_contrast


def _head():
    """20 voxels of 4 mm along each axis: tissue, ventricles of 4 x 4 x 4 voxels, and white matter of as many."""
    fluid, white = (np.zeros((20, 20, 20), bool) for _ in range(2))
    fluid[7:11, 8:12, 8:12] = True
    white[12:16, 8:12, 8:12] = True

    def scan(of_fluid, of_white):
        brain = np.zeros((20, 20, 20), np.float32)
        brain[2:18, 2:18, 2:18] = 0.1
        brain[fluid], brain[white] = of_fluid, of_white
        return brain

    return {"t1": scan(-2, 1), "t1ce": scan(-2, 1.1), "t2": scan(3, -1), "flair": scan(-2.5, -0.5)}


def _swapped(names, exchange=None):
    scans = _head()
    if exchange:
        scans |= {exchange[0]: scans[exchange[1]], exchange[1]: scans[exchange[0]]}
    image = MetaTensor(torch.from_numpy(np.stack([scans[name] for name in names])), affine=np.diag([4.0, 4, 4, 1]))
    return SwappedSequencesd()({"image": image, "sequences": "+".join(names)})["swapped"]


def test_fluid_contrast_is_that_of_t2_in_the_others_darkest_voxels_minus_the_reverse():
    scans = _head()
    # where FLAIR is darkest, T2 is 3; where T2 is darkest, FLAIR is -0.5
    assert fluid_contrast(scans["t2"], scans["flair"], (4, 4, 4)) == pytest.approx(3.5)
    assert fluid_contrast(scans["flair"], scans["t2"], (4, 4, 4)) == pytest.approx(-3.5)
    # at 0.1 mm nothing is deep
    assert fluid_contrast(scans["t2"], scans["flair"], (0.1, 0.1, 0.1)) is None


@pytest.mark.parametrize(
    "names", [["t2"], ["t1", "t2"], ["t1ce", "flair"], ["t2", "flair"], ["t1", "t1ce", "t2", "flair"]]
)
def test_sequences_in_their_places_are_not_flagged(names):
    assert _swapped(names) is None


@pytest.mark.parametrize("exchange", [("t2", "flair"), ("t2", "t1"), ("t2", "t1ce")])
def test_t2_in_the_place_of_another_sequence_is_told_with_that_one(exchange):
    assert _swapped(sorted(exchange, key=["t1", "t1ce", "t2", "flair"].index), exchange) == exchange


def test_the_record_flags_them():
    data = {"subject": "S1", "sequences": "t2+flair", "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": 0.0}}
    data |= {"label_map": MetaTensor(torch.zeros(2, 2, 2)), "swapped": ("t2", "flair")}
    data |= {"quality": {"entropy_bits": 0.1, "mirror_disagreement": None}}
    (flag,) = RecordSegmentationd([])(data)["record"]["flags"]
    assert flag == "t2 and flair may be swapped: fluid should be bright on t2 and dark on flair"

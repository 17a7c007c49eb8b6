# SPDX-License-Identifier: Apache-2.0
"""Fluid is bright on T2 and dark on the others, white matter on T1 and not on FLAIR: so a swap is recognised."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.foreground import cut_to_brain
from scripts.inference.segmentation_record import RecordSegmentationd
from scripts.inference.swapped import TISSUE_WEIGHTS, SwappedSequencesd, depth_mm, fluid_contrast, tissue_contrast


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


def _tissues(of_white, of_grey, of_surface):
    """A ball of 30 mm in voxels of 2 mm: white matter deeper than 12 mm, grey to 4 mm, and a brighter or darker surface."""
    place = np.indices((34, 34, 34)) - 16.5
    depth = 30 - 2 * np.sqrt((place**2).sum(axis=0))
    scan = np.where(depth > 11, of_white, np.where(depth > 3, of_grey, of_surface))
    return np.where(depth > 0, scan, 0).astype(np.float32)


def _depth(scan, size):
    return depth_mm(scan != 0, [size] * 3)


def test_depth_is_the_distance_to_the_surface_in_mm_and_the_edge_of_the_field_is_one():
    depth = depth_mm(np.array([[[False, True, True, True]]]), (9, 9, 2))
    assert depth.tolist() == [[[0, 2, 4, 2]]]


def test_empty_space_around_the_brain_is_cut_off_and_changes_no_contrast():
    scans = np.stack([_tissues(1.0, -0.5, 2.0), _tissues(-0.4, 0.6, 0.1)])
    cut = cut_to_brain(np.pad(scans, ((0, 0), (3, 9), (0, 2), (7, 0))))
    assert cut.shape == (2, 30, 30, 30)  # the ball
    for contrast in (tissue_contrast, fluid_contrast):
        assert contrast(*cut, _depth(cut[0], 2)) == contrast(*scans, _depth(scans[0], 2))


def test_tissue_contrast_is_the_weighted_sum_of_three_differences():
    t1ce, flair = _tissues(1.0, -0.5, 2.0), _tissues(-0.4, 0.6, 0.1)
    tissue = (1.0 - -0.5) - (-0.4 - 0.6)  # white to grey
    value = tissue_contrast(t1ce, flair, _depth(t1ce, 2))
    weights = TISSUE_WEIGHTS
    depths = (value - weights[0] * tissue - weights[2] * (2.0 - 0.6)) / weights[1]
    assert -8 < depths < -3  # the surface's voxels are at about 2 mm, grey matter at about 7
    assert value == pytest.approx(-tissue_contrast(flair, t1ce, _depth(t1ce, 2)), abs=1e-5)
    assert tissue_contrast(t1ce, flair, _depth(t1ce, 0.1)) is None


@pytest.mark.parametrize("name", ["t1", "t1ce"])
def test_flair_in_the_place_of_a_t1_is_told_with_it(name):
    scans = {name: _tissues(1.0, -0.5, 0.2), "flair": _tissues(-0.4, 0.6, 0.1)}
    for exchanged in (False, True):
        volumes = list(scans.values())[:: -1 if exchanged else 1]
        image = MetaTensor(torch.from_numpy(np.stack(volumes)), affine=np.diag([2.0, 2, 2, 1]))
        found = SwappedSequencesd()({"image": image, "sequences": f"{name}+flair"})["swapped"]
        assert found == ((name, "flair") if exchanged else None)


def _swapped(names, exchange=None):
    scans = _head()
    if exchange:
        scans |= {exchange[0]: scans[exchange[1]], exchange[1]: scans[exchange[0]]}
    image = MetaTensor(torch.from_numpy(np.stack([scans[name] for name in names])), affine=np.diag([4.0, 4, 4, 1]))
    return SwappedSequencesd()({"image": image, "sequences": "+".join(names)})["swapped"]


def test_fluid_contrast_is_that_of_t2_in_the_others_darkest_voxels_minus_the_reverse():
    scans = _head()
    # where FLAIR is darkest, T2 is 3; where T2 is darkest, FLAIR is -0.5
    assert fluid_contrast(scans["t2"], scans["flair"], _depth(scans["t2"], 4)) == pytest.approx(3.5)
    assert fluid_contrast(scans["flair"], scans["t2"], _depth(scans["t2"], 4)) == pytest.approx(-3.5)
    # at 0.1 mm nothing is deep
    assert fluid_contrast(scans["t2"], scans["flair"], _depth(scans["t2"], 0.1)) is None


@pytest.mark.parametrize("names", [["t2"], ["t1", "t2"], ["t1", "t1ce"], ["t2", "flair"], ["t1", "t1ce", "t2"]])
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
    (flag,) = RecordSegmentationd([])(data | {"swapped": ("t1ce", "flair")})["record"]["flags"]
    assert flag == "t1ce and flair may be swapped: white matter should be brighter than grey on t1ce, not on flair"

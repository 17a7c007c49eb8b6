# SPDX-License-Identifier: Apache-2.0
"""Probabilities back in the scan's grid: the same as MONAI's Invertd, whatever the orientation and spacing."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Invertd
from scipy.spatial.transform import Rotation
from scripts.inference.scan_grid import ToScanGridd
from tiny import ROOT

STRAIGHT = np.diag([-1.0, -1, 1])
PERMUTED = np.array([[0, 0, 3.0], [-0.9, 0, 0], [0, 0.7, 0]])
OBLIQUE = Rotation.from_euler("xyz", [20, 10, 35], degrees=True).as_matrix() @ np.diag([0.8, -1.1, 5])
SHEARED = OBLIQUE + np.array([[0, 0.3, 0], [0, 0, 0], [0, 0, 0]])


def _preprocessing(spacing):
    parser = ConfigParser()
    parser.read_config(str(ROOT / "configs" / "inference.json"))
    parser["spacing"] = spacing
    parser["preprocessing"]["transforms"] = [
        t for t in parser["preprocessing"]["transforms"] if t["_target_"] in ("Orientationd", "Spacingd")
    ]
    parser.parse(reset=True)
    return parser.get_parsed_content("preprocessing")


def _prediction(preprocessing, axes, shape, inside):
    """A scan as the network sees it, and random probabilities in the part ``inside`` of that grid."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (3, 239, -7)
    scan = MetaTensor(torch.zeros(1, *shape), affine=affine)
    scan.meta |= {"original_affine": affine, "spatial_shape": np.array(shape)}
    data = preprocessing({"image": scan})
    grid = data["image"].shape[1:]
    probabilities = torch.zeros(3, *grid)
    part = [slice(round(low * n), round(high * n)) for (low, high), n in zip(inside, grid)]
    probabilities[(slice(None), *part)] = torch.rand(
        3, *(s.stop - s.start for s in part), generator=torch.Generator().manual_seed(0)
    )
    image = data["image"]
    return data | {"pred": MetaTensor(probabilities, meta=image.meta, applied_operations=image.applied_operations)}


@pytest.mark.parametrize("spacing", [1.0, 2.0, 4.0])
@pytest.mark.parametrize(
    "axes", [STRAIGHT, PERMUTED, OBLIQUE, SHEARED], ids=["straight", "permuted", "oblique", "sheared"]
)
@pytest.mark.parametrize("inside", [[(0, 1)] * 3, [(0.2, 0.7), (0, 0.5), (0.5, 1)]], ids=["whole field", "box"])
def test_it_gives_what_invertd_gives(axes, spacing, inside):
    shape = (33, 24, 20)
    preprocessing = _preprocessing(spacing)
    data = _prediction(preprocessing, axes, shape, inside)
    ours = ToScanGridd("pred")(data)["pred"]
    theirs = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False)(data)["pred"]
    assert ours.shape == theirs.shape == (3, *shape) and ours.any()
    torch.testing.assert_close(ours.as_tensor(), theirs.as_tensor(), atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.affine, theirs.affine)


def test_halves_lie_between_two_voxels_and_the_ends_are_kept():
    # by hand: scan voxels 0 ... 4 of 1 mm lie at -0.25, 0.25, 0.75, ... of voxels of 2 mm that begin where they begin
    coarse = torch.tensor([0.0, 1, 0.5])[None, :, None, None]
    image = MetaTensor(coarse, affine=torch.diag(torch.tensor([2.0, 1, 1, 1])))
    scan = np.eye(4)
    scan[0, 3] = -0.5
    image.meta |= {"original_affine": scan, "spatial_shape": [5, 1, 1]}
    out = ToScanGridd("pred")({"pred": image})["pred"]
    assert out.flatten().tolist() == pytest.approx([0, 0.25, 0.75, 0.875, 0.625])


def test_nothing_found_gives_zeros_in_the_scans_shape():
    data = _prediction(_preprocessing(2.0), PERMUTED, (33, 24, 20), [(0, 0)] * 3)
    assert ToScanGridd("pred")(data)["pred"].shape == (3, 33, 24, 20)

"""The configs' preprocessing: coarser grids average, inversion returns to the scan's own grid."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Invertd
from tiny import ROOT

CONFIGS = ROOT / "configs"


def _without_loading(spacing):
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / "inference.json"))
    parser["spacing"] = spacing
    parser["preprocessing"]["transforms"] = [
        t for t in parser["preprocessing"]["transforms"] if t["_target_"] in ("Orientationd", "Spacingd")
    ]
    parser.parse(reset=True)
    return parser.get_parsed_content("preprocessing")


def test_twice_as_coarse_a_grid_holds_the_mean_of_eight_voxels():
    array = torch.rand(1, 4, 6, 8)
    # away from the origin: where an extent crosses it, MONAI 1.6.1 shifts the coarse grid by a voxel of the fine one
    affine = torch.eye(4)
    affine[:3, 3] = 10
    scan = MetaTensor(array, affine=affine)
    coarse = _without_loading(2.0)({"image": scan})["image"]
    by_hand = array.reshape(1, 2, 2, 3, 2, 4, 2).mean(dim=(2, 4, 6))
    torch.testing.assert_close(coarse.as_tensor(), by_hand, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("signs, spacing", [((-1, -1, 1), (1, 1, 1)), ((1, -1, -1), (0.5, 0.9, 5.0))])
def test_inversion_returns_to_the_scans_grid(signs, spacing):
    affine = torch.diag(torch.tensor([*(s * mm for s, mm in zip(signs, spacing)), 1.0], dtype=torch.float64))
    affine[:3, 3] = torch.tensor([3.0, 239, -7])
    # a smooth image survives resampling there and back
    axes = [torch.linspace(0, 1, n) for n in (33, 24, 10)]
    smooth = sum(torch.meshgrid(*axes, indexing="ij"))[None]
    preprocessing = _without_loading(2.0)
    data = preprocessing({"image": MetaTensor(smooth, affine=affine)})
    data["pred"] = data["image"].clone()
    back = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False)(data)["pred"]
    assert back.shape == smooth.shape
    np.testing.assert_allclose(back.affine, affine, atol=1e-6)
    inside = (slice(None), slice(4, -4), slice(4, -4), slice(2, -2))
    assert (back - smooth)[inside].abs().max() < 0.06


def test_inference_preprocesses_as_evaluation_does():
    configs = {}
    for name, key in (("inference.json", "preprocessing"), ("evaluate.json", "load_subject")):
        transforms = ConfigParser.load_config_file(str(CONFIGS / name))[key]["transforms"]
        configs[name] = [
            t for t in transforms if not t["_target_"].startswith(("scripts.data.load_scan", "scripts.common.labels"))
        ]
    assert configs["inference.json"] == configs["evaluate.json"]

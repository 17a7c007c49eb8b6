"""The configs' preprocessing: one for training, evaluation and inference; coarser grids average, inversion is exact."""

import json

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


def _image(files, key, item, **keys):
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / file) for file in files])
    parser.update({"student_modalities": ["t1ce", "flair"], "spacing": 3.0, "device": "cpu"} | keys)
    return parser.get_parsed_content(key)(dict(item))["image"]


def test_training_evaluation_and_inference_give_the_network_the_same_image(one_subject):
    name = one_subject.name
    files = {sequence: f"{one_subject}/{name}_{sequence}.nii.gz" for sequence in ("t1", "t1ce", "t2", "flair")}
    item = {"subject": name, "label": f"{one_subject}/{name}_seg.nii.gz"} | files
    trained = _image(["train.json"], "load_subject", item)
    evaluated = _image(["train.json", "evaluate.json"], "load_subject", item, with_teacher=True)
    segmented = _image(["inference.json"], "preprocessing", item)
    assert torch.equal(trained, evaluated)
    assert torch.equal(trained[[1, 3]], segmented)
    # 4 mm voxels, brought to 3 mm
    assert segmented.pixdim.tolist() == [3, 3, 3] and segmented.abs().max() > 1


def test_label_map_of_almost_the_scans_voxel_size_comes_to_the_scans_grid():
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / "train.json"))
    affines = torch.eye(4), torch.diag(torch.tensor([1, 1, 0.9999, 1]))  # within what check_grid allows
    data = {
        key: MetaTensor(torch.ones(1, 4, 4, 155), affine=affine) for key, affine in zip(("image", "label"), affines)
    }
    for transform in parser.get_parsed_content("to_grid")[:2]:
        data = transform(data)
    # 155 / 2 = 77.5 is rounded up, the label's own 77.49 would be rounded down
    assert data["image"].shape == data["label"].shape == (1, 2, 2, 78)


def test_training_and_evaluation_make_regions_by_one_threshold():
    texts = [json.loads((CONFIGS / file).read_text()) for file in ("train.json", "evaluate.json")]
    training, evaluation = texts[0]["validate"]["postprocessing"], texts[1]["validate#postprocessing"]
    # in evaluation ET by contrast comes after it
    assert training["transforms"][-1] == evaluation["transforms"][-2]
    assert evaluation["transforms"][-1]["_target_"].endswith("EtByContrastd")

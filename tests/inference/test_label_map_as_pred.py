# SPDX-License-Identifier: Apache-2.0
"""`pred` becomes the label map, and `result` what another program tells its user."""

import numpy as np
import torch
from monai.data import MetaTensor
from scripts.inference.label_map_as_pred import LabelMapAsPredd

AFFINE = np.diag([-1.0, -1, 2, 1])


def _data() -> dict:
    record = {"subject": "P1", "sequences": ["t1ce", "flair"], "volumes_ml": {"wt": 3.0}, "flags": ["uncertain"]}
    record |= {"networks": [{"file": "models/model.pt", "sha256": "0"}], "quality": {}, "settings": {}}
    label_map = MetaTensor(torch.tensor([[[0, 1, 2, 4]]], dtype=torch.uint8), affine=AFFINE)
    return {"pred": torch.rand(3, 1, 1, 4), "label_map": label_map, "record": record, "image_path": "P1.nii.gz"}


def test_pred_is_the_label_map_with_a_channel_axis_and_its_affine():
    pred = LabelMapAsPredd("pred")(_data())["pred"]
    assert pred.dtype == torch.uint8 and pred.shape == (1, 1, 1, 4) and pred.flatten().tolist() == [0, 1, 2, 4]
    np.testing.assert_allclose(pred.affine, AFFINE)


def test_result_has_what_concerns_the_user_and_the_rest_stays():
    given = _data()
    data = LabelMapAsPredd("pred")(given)
    assert data["result"] == {
        "sequences": ["t1ce", "flair"],
        "volumes_ml": {"wt": 3.0},
        "flags": ["uncertain"],
        "networks": ["models/model.pt"],
    }
    assert data["image_path"] == "P1.nii.gz" and data["label_map"] is given["label_map"]
    assert "result" not in given and given["pred"].shape[0] == 3  # the given item is not changed

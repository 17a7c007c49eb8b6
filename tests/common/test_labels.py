# SPDX-License-Identifier: Apache-2.0
"""Label numbers of every cohort give the same regions, and regions give the numbers back."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.labels import (
    NestedRegionsd,
    RegionsFromLabeld,
    detect_convention,
    label_from_regions,
    regions_from_label,
)
from scripts.inference.label_map import LabelMapd


def row(*values, dtype=torch.int32):
    """A label map (1, X, 1, 1)."""
    return torch.tensor(values, dtype=dtype).reshape(1, -1, 1, 1)


# background, core, oedema, enhancing in each label convention; the regions by hand
REGION_ROWS = [[0, 1, 0, 1], [0, 1, 1, 1], [0, 0, 0, 1]]  # tc, wt, et


@pytest.mark.parametrize(
    "label_convention, values", [("brats", (0, 1, 2, 4)), ("brats2023", (0, 1, 2, 3)), ("msd", (0, 2, 1, 3))]
)
def test_each_label_convention_gives_the_same_three_regions(label_convention, values):
    regions = RegionsFromLabeld()({"subject": "a", "label_convention": label_convention, "label": row(*values)})[
        "label"
    ]
    assert regions.dtype == torch.float32
    assert regions.shape == (3, 4, 1, 1)
    assert regions.reshape(3, 4).tolist() == REGION_ROWS


def test_brats_named_files_with_a_three_follow_the_convention_of_2023():
    item = {"label_convention": "brats", "label": row(0, 1, 2, 3)}
    regions = RegionsFromLabeld()(item | {"subject": "BraTS20_Training_001"})["label"]
    with pytest.raises(ScanError, match="S1: the label map has a label 3 and no 4: .*--label_convention brats2023"):
        RegionsFromLabeld()(item | {"subject": "S1"})
    assert regions.reshape(3, 4).tolist() == REGION_ROWS
    assert detect_convention([0, 1, 2, 3], "brats") == "brats2023"
    assert detect_convention([0, 1, 2, 4], "brats") == "brats"
    assert detect_convention([0, 2], "brats") == "brats"


def test_a_resection_cavity_is_background():
    regions = RegionsFromLabeld()({"subject": "a", "label_convention": "brats2023", "label": row(4, 3)})["label"]
    assert regions.reshape(3, 2).tolist() == [[0, 1], [0, 1], [0, 1]]


def test_the_convention_of_a_loaded_item_is_read():
    item = {"subject": "a", "convention": "msd", "label": row(1, 2)}
    assert RegionsFromLabeld()(item)["label"].reshape(3, 2).tolist() == [[0, 1], [1, 1], [0, 0]]


def test_an_empty_map_gives_three_empty_regions():
    assert RegionsFromLabeld()({"subject": "a", "label": row(0, 0)})["label"].sum() == 0


def test_geometry_and_the_other_keys_stay():
    affine = torch.diag(torch.tensor([2.0, 2, 2, 1], dtype=torch.float64))
    label = MetaTensor(row(1, 2), affine=affine, meta={"filename_or_obj": "a_seg.nii.gz"})
    item = {"subject": "a", "label_convention": "brats", "label": label}
    out = RegionsFromLabeld()(item)
    assert torch.equal(out["label"].affine, affine)
    assert out["label"].meta["filename_or_obj"] == "a_seg.nii.gz"
    assert out["subject"] == "a"
    assert item["label"] is label  # the argument is not changed


@pytest.mark.parametrize(
    "label_convention, label, value",
    [
        ("brats", row(0, 5), "5"),
        ("brats", row(3, 4), "3"),
        ("msd", row(0, 4), "4"),
        ("brats", row(-1, 2), "-1"),
        ("brats", row(0, 300), "300"),
    ],
)
def test_an_unknown_value_is_refused_naming_subject_file_and_value(label_convention, label, value):
    label = MetaTensor(label, meta={"filename_or_obj": "case_seg.nii.gz"})
    with pytest.raises(
        ScanError, match=rf"^case: case_seg.nii.gz: holds the unknown label value {value} .*correct the map"
    ):
        RegionsFromLabeld()({"subject": "case", "label_convention": label_convention, "label": label})


def test_paediatric_oedema_is_not_taken_for_a_resection_cavity():
    with pytest.raises(ScanError, match="BraTS-PED-00001-000: .*oedema in the paediatric"):
        RegionsFromLabeld()({"subject": "BraTS-PED-00001-000", "label_convention": "brats2023", "label": row(1, 4)})


def test_a_recorded_convention_counts_more_than_the_name_of_the_data_set():
    item = {"subject": "BraTS-PED-00001-000", "label_convention": "brats", "label": row(0, 1, 2, 4)}
    assert RegionsFromLabeld(recorded=True)(item)["label"].reshape(3, 4).tolist() == REGION_ROWS
    with pytest.raises(ScanError, match="holds the unknown label value 7"):
        RegionsFromLabeld(recorded=True)(item | {"label": row(7)})


def test_an_unknown_label_convention_is_refused():
    with pytest.raises(UserError, match="'brats2099' is not a label convention: choose from brats, brats2023, msd"):
        detect_convention([0], "brats2099")
    with pytest.raises(UserError, match="'brats' or 'brats2023', not 'msd'"):
        label_from_regions(torch.zeros(3, 1, 1, 1), "msd")


@pytest.mark.parametrize("label_convention, values", [("brats", (0, 1, 2, 4)), ("brats2023", (0, 1, 2, 3))])
def test_regions_and_labels_are_one_to_one(label_convention, values):
    label = row(*values, dtype=torch.uint8)
    back = label_from_regions(regions_from_label(label, label_convention), label_convention)
    assert back.dtype == torch.uint8
    assert torch.equal(back, label[0])


def test_regions_that_are_not_nested_are_nested():
    # et alone is 4; tc alone is 1; wt alone is 2; et and wt without tc is 4
    regions = np.array([[0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1]], bool).reshape(3, 4, 1, 1)
    label = label_from_regions(regions)
    assert isinstance(label, np.ndarray)
    assert label.ravel().tolist() == [4, 1, 2, 4]


def test_a_batch_of_labels_gives_a_batch_of_regions():
    batch = torch.stack([row(0, 1, 2, 4), row(4, 2, 1, 0)])
    regions = regions_from_label(batch, "brats")
    assert regions.shape == (2, 3, 4, 1, 1)
    assert regions[1].reshape(3, 4).tolist() == [r[::-1] for r in REGION_ROWS]


def test_nested_regions_are_those_of_the_label_map():
    # voxels: nothing, ET alone, TC alone, WT alone
    tc, wt, et = torch.tensor([[0.0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])[:, :, None, None]
    nested = NestedRegionsd("pred")({"pred": torch.stack([tc, wt, et])})["pred"]
    assert nested.flatten(1).tolist() == [[0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 0]]


def test_a_probability_of_the_threshold_is_in_no_region_in_evaluation_as_in_label_maps():
    probabilities = MetaTensor(torch.full((3, 1, 1, 2), 0.5), affine=torch.eye(4))
    probabilities[..., 1] = 0.5001
    regions = NestedRegionsd("pred")({"pred": probabilities})["pred"]
    assert regions.flatten(1).tolist() == [[False, True]] * 3
    assert LabelMapd()({"pred": probabilities})["label_map"].flatten().tolist() == [0, 4]

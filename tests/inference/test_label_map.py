# SPDX-License-Identifier: Apache-2.0
"""From probabilities to a label map: nesting, label convention, removal of small and separate parts."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import UserError
from scripts.inference.label_map import LabelMapd, largest_component

# Voxels of 1 x 1 x 2 mm: 0.002 ml each.
AFFINE = torch.tensor([[0.0, -1, 0, 7], [1, 0, 0, -3], [0, 0, 2, 5], [0, 0, 0, 1]])


def _data():
    # voxels along the first axis: background, oedema, core, enhancing, and one of exactly the threshold
    probabilities = torch.zeros(3, 5, 1, 1)
    probabilities[1, 1:4] = 0.9  # wt
    probabilities[0, 2:4] = 0.8  # tc
    probabilities[2, 3] = 0.7  # et
    probabilities[:, 4] = 0.5
    return {"pred": MetaTensor(probabilities, affine=AFFINE)}


@pytest.mark.parametrize("label_convention, enhancing", [("brats", 4), ("brats2023", 3)])
def test_nested_regions_become_label_numbers_and_volumes(label_convention, enhancing):
    out = LabelMapd(label_convention=label_convention)(_data())
    assert out["label_map"].flatten().tolist() == [0, 2, 1, enhancing, 0] and out["label_map"].dtype == torch.uint8
    assert torch.equal(out["label_map"].affine, AFFINE.double())
    assert out["volumes_ml"] == pytest.approx({"wt": 0.006, "tc": 0.004, "et": 0.002})


def test_enhancing_tumour_is_drawn_by_its_contrast_where_the_item_keeps_its_t1ce():
    data = _data()
    data["pred"].affine = torch.diag(torch.tensor([10.0, 10, 10, 1]))  # voxels of 1 ml
    t1ce = torch.tensor([0.0, 100, 102, 99, 0])[:, None, None]
    # the core is brighter than oedema, the enhancing tumour is not
    assert LabelMapd()(data | {"t1ce_scan": t1ce})["label_map"].flatten().tolist() == [0, 2, 4, 1, 0]
    assert LabelMapd()(data)["label_map"].flatten().tolist() == [0, 2, 1, 4, 0]


def test_label_maps_are_not_written_in_the_convention_of_msd():
    with pytest.raises(UserError, match="convention 'brats' or 'brats2023', not 'msd'"):
        LabelMapd(label_convention="msd")


def test_volume_of_sheared_voxels_is_that_of_the_parallelepiped():
    sheared = AFFINE.clone()
    sheared[:3, 0] = torch.tensor([3.0, 1, 0])  # as long as sqrt(10) mm, but no farther from its neighbours
    data = {"pred": MetaTensor(_data()["pred"].as_tensor(), affine=sheared)}
    assert LabelMapd()(data)["volumes_ml"] == pytest.approx({"wt": 0.006, "tc": 0.004, "et": 0.002})


def test_enhancing_tumour_outside_the_others_counts_as_part_of_them():
    data = _data()
    data["pred"][:2] = 0  # only et is left
    assert LabelMapd()(data)["volumes_ml"] == pytest.approx({"wt": 0.002, "tc": 0.002, "et": 0.002})


@pytest.mark.parametrize("least, labels", [(0.0019, [0, 2, 1, 4, 0]), (0.0021, [0, 2, 1, 1, 0])])
def test_tiny_enhancing_tumour_becomes_core(least, labels):
    out = LabelMapd(et_min_ml=least)(_data())
    assert out["label_map"].flatten().tolist() == labels
    assert out["volumes_ml"]["et"] == pytest.approx(0.002 if 4 in labels else 0)
    assert out["volumes_ml"]["tc"] == pytest.approx(0.004)


@pytest.mark.parametrize("sequences, labels", [("t2+flair", [0, 2, 1, 1, 0]), ("t1ce", [0, 2, 1, 4, 0])])
def test_enhancing_tumour_without_t1ce_becomes_core_on_request(sequences, labels):
    out = LabelMapd(et_without_t1ce=False)(_data() | {"sequences": sequences})
    assert out["label_map"].flatten().tolist() == labels
    assert out["volumes_ml"] == pytest.approx({"wt": 0.006, "tc": 0.004, "et": 0.002 if 4 in labels else 0})


def _in_a_row(*wt):
    probabilities = torch.zeros(3, len(wt), 1, 1)
    probabilities[1, :, 0, 0] = torch.tensor(wt)
    probabilities[2, -1] = 0.9  # enhancing at the far end
    return {"pred": MetaTensor(probabilities, affine=AFFINE)}


def test_only_the_largest_component_of_the_whole_tumour_is_kept_with_what_lies_in_it():
    data = _in_a_row(0.9, 0.9, 0.9, 0.1, 0.9, 0.9)
    assert LabelMapd()(data)["label_map"].flatten().tolist() == [2, 2, 2, 0, 2, 4]
    assert LabelMapd(largest_component=True)(data)["label_map"].flatten().tolist() == [2, 2, 2, 0, 0, 0]


def test_empty_prediction_has_no_component_and_stays_empty():
    data = {"pred": MetaTensor(torch.zeros(3, 4, 4, 4), affine=AFFINE)}
    out = LabelMapd(largest_component=True, et_min_ml=1)(data)
    assert out["label_map"].sum() == 0 and set(out["volumes_ml"].values()) == {0.0}


def test_voxels_that_touch_at_a_corner_are_one_component():
    region = np.zeros((4, 4, 4), bool)
    region[0, 0, 0] = region[1, 1, 1] = region[3, 3, 3] = True
    largest = largest_component(region)
    assert largest.sum() == 2 and not largest[3, 3, 3]

# SPDX-License-Identifier: Apache-2.0
"""Uncertainty measured from probabilities, and the flags of a record."""

import hashlib

import pytest
import torch
from monai.data import MetaTensor
from monai.networks.nets import DynUNet
from scripts.inference.inferer import BrainBoxInferer, mirror_disagreement
from scripts.inference.quality import Entropyd, Qualityd, mean_entropy
from scripts.inference.segmentation_record import (
    NO_TUMOUR,
    ODD_VOLUME,
    SMALL_BRAIN,
    UNCERTAIN,
    WITHOUT_T1CE,
    RecordSegmentationd,
)


def _probabilities(tc, wt, et):
    return torch.tensor([tc, wt, et])[:, :, None, None]


def test_entropy_is_none_at_certainty_and_nearly_one_bit_near_a_half():
    # 0.75 has 0.811 bits, whatever the other regions say
    assert mean_entropy(_probabilities([0.5], [1.0], [0.5])) == 0
    assert mean_entropy(_probabilities([0.5], [0.75], [0.0])) == pytest.approx(0.8113, abs=1e-4)
    assert mean_entropy(_probabilities([0.0], [0.5001], [0.0])) == pytest.approx(1, abs=1e-4)


def test_entropy_is_the_mean_over_the_predicted_whole_tumour_alone():
    # two voxels inside, of 0.811 and 0 bits; one outside of 0.811 bits
    assert mean_entropy(_probabilities([0.0] * 3, [0.75, 1.0, 0.25], [0.0] * 3)) == pytest.approx(0.4056, abs=1e-4)


def test_without_a_whole_tumour_there_is_no_entropy():
    assert mean_entropy(_probabilities([0.9], [0.5], [0.9])) is None


def test_mirror_disagreement_is_one_minus_the_mean_dice_to_the_mean():
    # tc: the views have 2 and 1 voxels, the mean 1: Dice 2/3 and 1, mean 5/6; wt agrees; et is empty everywhere
    first = torch.tensor([[1, 1], [1, 1], [0, 0]]).bool()[:, :, None, None]
    second = torch.tensor([[1, 0], [1, 1], [0, 0]]).bool()[:, :, None, None]
    mean = torch.tensor([[0.9, 0.4], [0.9, 0.8], [0.1, 0.2]])[:, :, None, None]
    assert mirror_disagreement([first, second], mean).tolist() == pytest.approx([1 / 6, 0, 0])


def test_disagreement_comes_with_mirrored_predictions_only():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8]).eval()
    scan = torch.zeros(1, 1, 16, 16, 16)
    scan[:, :, 2:14, 2:14, 2:14] = torch.randn(1, 1, 12, 12, 12)
    scan = MetaTensor(scan, meta={"space": ["RAS"]})
    plain = BrainBoxInferer(divisor=4)(scan, network)
    assert "mirror_disagreement" not in plain.meta
    mirrored = BrainBoxInferer(divisor=4, mirror=True)(scan, network)
    assert mirrored.meta["mirror_disagreement"].shape == (1, 3) and mirrored.meta["mirror_disagreement"].max() > 0
    assert "mirror_disagreement" not in scan.meta


def test_quality_names_the_regions():
    probabilities = MetaTensor(_probabilities([0.0], [1.0], [0.0]))
    assert Qualityd()({"pred": probabilities})["quality"] == {"entropy_bits": 0, "mirror_disagreement": None}
    probabilities.meta["mirror_disagreement"] = torch.tensor([0.1, 0.2, 0.3])
    measured = Qualityd()({"pred": probabilities})["quality"]["mirror_disagreement"]
    assert measured == pytest.approx({"tc": 0.1, "wt": 0.2, "et": 0.3})


@pytest.mark.parametrize(
    "wt, entropy, disagreement, flags",
    [
        (50, 0.1, None, []),
        (50, 0.1, 0.1, []),
        (0, None, None, [NO_TUMOUR]),
        (0.9, 0.1, None, [ODD_VOLUME]),
        (301, 0.1, None, [ODD_VOLUME]),
        (50, 0.6, None, [UNCERTAIN]),
        (50, 0.1, 0.3, [UNCERTAIN]),
        (0.5, 0.6, 0.3, [ODD_VOLUME, UNCERTAIN]),
    ],
)
def test_flags_follow_from_volume_entropy_and_disagreement(wt, entropy, disagreement, flags):
    record = RecordSegmentationd([], wt_range_ml=(1, 300), max_entropy=0.5, max_disagreement=0.2)
    mirrored = None if disagreement is None else {"tc": 0.9, "wt": disagreement, "et": 0.9}
    assert record.flags({"wt": wt}, {"entropy_bits": entropy, "mirror_disagreement": mirrored}) == flags


def test_weights_that_are_replaced_during_a_run_are_recorded_as_they_were_loaded(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"loaded")
    record = RecordSegmentationd([str(tmp_path / "model.pt")])
    data = {"subject": "S1", "sequences": "t2", "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": 0.0}}
    data |= {"label_map": MetaTensor(torch.zeros(2, 2, 2))}
    data |= {"quality": {"entropy_bits": 0.1, "mirror_disagreement": None}}
    hashes = []
    for content in (b"loaded", b"of the next run"):
        (tmp_path / "model.pt").write_bytes(content)
        hashes.append(record(data)["record"]["networks"][0]["sha256"])
    assert hashes == [hashlib.sha256(b"loaded").hexdigest()] * 2


def test_enhancement_that_was_too_faint_is_flagged_with_its_contrast():
    data = {"subject": "S1", "sequences": "t1ce+flair", "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": 0.0}}
    data |= {
        "label_map": MetaTensor(torch.zeros(2, 2, 2)),
        "quality": {"entropy_bits": 0.1, "mirror_disagreement": None},
    }
    plain = RecordSegmentationd([])(data)["record"]
    assert plain["flags"] == [] and plain["quality"]["et_contrast"] is None
    enhancing = RecordSegmentationd([])(data | {"pred_et_contrast": 0.4})["record"]
    assert enhancing["flags"] == [] and enhancing["quality"]["et_contrast"] == 0.4


@pytest.mark.parametrize(
    "sequences, et_ml, flags",
    [("t1+flair", 3.0, [WITHOUT_T1CE]), ("t1+flair", 0.0, []), ("t1ce", 3.0, []), ("t1+t1ce+flair", 3.0, [])],
)
def test_enhancing_tumour_that_was_drawn_without_t1ce_is_flagged(sequences, et_ml, flags):
    data = {"subject": "S1", "sequences": sequences, "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": et_ml}}
    data |= {"label_map": MetaTensor(torch.zeros(2, 2, 2))}
    data |= {"quality": {"entropy_bits": 0.1, "mirror_disagreement": None}}
    assert RecordSegmentationd([])(data)["record"]["flags"] == flags


@pytest.mark.parametrize("side, flags", [(6, [SMALL_BRAIN.format(216)]), (7, [])])
def test_scans_that_show_less_than_an_infants_brain_are_flagged(side, flags):
    image = MetaTensor(torch.zeros(2, 8, 8, 8), affine=torch.diag(torch.tensor([10.0, 10, 10, 1])))  # voxels of 1 ml
    image[0, :side, :side, :side] = 1
    data = {"subject": "S1", "sequences": "t1+t1ce", "volumes_ml": {"wt": 20.0, "tc": 5.0, "et": 0.0}, "image": image}
    data |= {"label_map": MetaTensor(torch.zeros(2, 2, 2))}
    data |= {"quality": {"entropy_bits": 0.1, "mirror_disagreement": None}}
    assert RecordSegmentationd([])(data)["record"]["flags"] == flags


def test_entropy_of_several_networks_stands_beside_their_probabilities():
    sure, unsure = _probabilities([0.0], [1.0], [0.0]), _probabilities([0.0], [0.75], [0.0])
    data = Entropyd(["teacher", "t1+t2"])({"teacher": sure, "t1+t2": unsure})
    assert data["teacher_entropy_bits"] == 0 and data["t1+t2_entropy_bits"] == pytest.approx(0.8113, abs=1e-4)

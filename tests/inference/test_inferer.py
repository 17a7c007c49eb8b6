# SPDX-License-Identifier: Apache-2.0
"""Inference in the brain's box: what it computes, what it leaves, and that nothing leaks from absent sequences."""

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.networks.nets import DynUNet
from scripts.common.errors import ScanError, UserError
from scripts.inference.inferer import BrainBoxInferer, NetworksInferer
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.teacher_student import TeacherStudent
from scripts.research.runs import configs


def _network(channels):
    torch.manual_seed(0)
    return DynUNet(3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8]).eval()


def _scan(channels=2, seed=0):
    scan = torch.zeros(1, channels, 24, 20, 28)
    scan[:, :, 5:17, 3:15, 8:24] = torch.randn(1, channels, 12, 12, 16, generator=torch.Generator().manual_seed(seed))
    return scan


def _copying(x):
    """A network whose logits are its first channel, three times."""
    return x[:, :1].repeat(1, 3, 1, 1, 1)


def test_probabilities_are_the_sigmoid_inside_the_box_and_zero_outside():
    scan = _scan()
    result = BrainBoxInferer(divisor=4)(scan, _copying)
    torch.testing.assert_close(result[:, 0, 5:17, 3:15, 8:24], torch.sigmoid(scan[:, 0, 5:17, 3:15, 8:24]))
    assert result[:, :, :5].abs().sum() == 0 and result[..., 24:].abs().sum() == 0


def test_box_is_padded_to_the_divisor_and_cut_back():
    seen = []

    def network(x):
        seen.append(tuple(x.shape[2:]))
        return _copying(x)

    # the box is 12 x 12 x 16: padded to multiples of 8
    assert BrainBoxInferer(divisor=8)(_scan(), network).shape == (1, 3, 24, 20, 28)
    assert seen == [(16, 16, 16)]


def test_windows_blend_to_the_result_of_one_window_for_a_local_network():
    scan = _scan()
    one = BrainBoxInferer(divisor=4)(scan, _copying)
    windows = BrainBoxInferer(roi_size=(8, 8, 8), max_voxels=0, divisor=4)(scan, _copying)
    torch.testing.assert_close(one, windows, atol=1e-5, rtol=1e-5)


def test_mirroring_averages_eight_images():
    network, scan = _network(2), _scan()
    inferer, mirrored = BrainBoxInferer(divisor=4), BrainBoxInferer(divisor=4, mirror=True)
    by_hand = sum(
        inferer(scan.flip(axes), network).flip(axes)
        for axes in [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
    )
    torch.testing.assert_close(mirrored(scan, network), by_hand / 8, atol=1e-5, rtol=1e-5)


def test_empty_scan_gives_probabilities_without_failing():
    assert BrainBoxInferer(divisor=4)(torch.zeros(1, 2, 16, 16, 16), _network(2)).isfinite().all()


def test_geometry_of_a_metatensor_is_kept():
    affine = torch.diag(torch.tensor([-2.0, -2.0, 2.0, 1.0]))
    scan = MetaTensor(_scan(), affine=affine)
    result = BrainBoxInferer(divisor=4)(scan, _network(2))
    assert isinstance(result, MetaTensor) and torch.equal(result.affine, scan.affine)


def test_bfloat16_is_close_to_float32():
    network, scan = _network(2), _scan()
    exact = BrainBoxInferer(divisor=4)(scan, network)
    rough = BrainBoxInferer(divisor=4, amp=True)(scan, network)
    assert rough.dtype == torch.float32 and (exact - rough).abs().max() < 0.05


def test_batch_of_two_scans_is_refused():
    with pytest.raises(ValueError, match="one scan at a time, not a batch of 2"):
        BrainBoxInferer()(_scan().repeat(2, 1, 1, 1, 1), _copying)


def test_student_output_is_bit_identical_whatever_the_absent_sequences_hold():
    joint = TeacherStudent(
        _network(2), Objective({"s": Term(SegmentationLoss("student"))}), ["t1ce", "flair"], _network(4)
    ).eval()
    inferer = NetworksInferer(BrainBoxInferer(divisor=4))
    scan = _scan(4)
    before = inferer(scan, joint)
    # noise over the whole field: it would also change a box taken from all four sequences
    scan[:, [0, 2]] = 50 * torch.randn(1, 2, 24, 20, 28)
    after = inferer(scan, joint)
    assert torch.equal(before["student"], after["student"])
    assert not torch.equal(before["teacher"], after["teacher"])


def test_ensemble_is_the_mean_of_both_networks_probabilities():
    joint = TeacherStudent(
        _network(2), Objective({"s": Term(SegmentationLoss("student"))}), ["t1ce", "flair"], _network(4)
    ).eval()
    result = NetworksInferer(BrainBoxInferer(divisor=4), ensemble=True)(_scan(4), joint)
    assert list(result) == ["teacher", "student", "ensemble"]
    torch.testing.assert_close(result["ensemble"], (result["teacher"] + result["student"]) / 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf") - float("inf")])
def test_prediction_that_is_not_finite_is_an_error_of_the_scan(value):
    with pytest.raises(ScanError, match="prediction is not finite"):
        BrainBoxInferer()(torch.ones(1, 1, 4, 4, 4), lambda image: torch.full((1, 3, *image.shape[2:]), value))


@pytest.mark.parametrize("keys", [{"overlap": 1.0}, {"divisor": 0}, {"max_voxels": -1}])
def test_impossible_windows_are_refused(keys):
    with pytest.raises(UserError, match="The inferer has overlap"):
        BrainBoxInferer(**keys)


@pytest.mark.parametrize("files, divisor", [((), 8), (("kd_net",), 8), (("no_distillation",), 4)])
def test_scans_are_padded_for_the_deepest_network_that_takes_part(files, divisor):
    parser = ConfigParser()
    parser.read_config(configs(*files))
    parser.update({"filters": [4, 8, 16], "teacher_filters": [4, 8, 16, 32], "device": "cpu", "amp": False})
    assert parser.get_parsed_content("inferer").divisor == divisor

# SPDX-License-Identifier: Apache-2.0
"""Real scans seen by another scanner."""

import torch
from scripts.data.augment import AcquisitionEffects, RandomPose


def _scans():
    image = torch.zeros(2, 4, 16, 16, 16)
    image[:, :, 3:13, 3:13, 3:13] = torch.randn(2, 4, 10, 10, 10)
    return image


def test_zero_strength_is_identity():
    image = _scans()
    assert torch.equal(AcquisitionEffects(2.0, strength=0)(image), image)


def test_background_stays_zero_and_the_brain_changes():
    image = _scans()
    result = AcquisitionEffects(2.0)(image)
    assert (result[image == 0] == 0).all() and result.isfinite().all()
    assert (
        not torch.equal(result, image) and torch.corrcoef(torch.stack([result.flatten(), image.flatten()]))[0, 1] > 0.3
    )


def test_each_subject_and_each_call_differ_and_a_seed_repeats():
    image = _scans()[:1].repeat(2, 1, 1, 1, 1)
    torch.manual_seed(0)
    first = AcquisitionEffects(2.0)(image)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, AcquisitionEffects(2.0)(image))
    torch.manual_seed(0)
    assert torch.equal(first, AcquisitionEffects(2.0)(image))


def test_a_sequence_that_is_empty_stays_empty():
    image = _scans()
    image[:, 0] = 0
    assert AcquisitionEffects(2.0)(image)[:, 0].abs().sum() == 0


def _ball():
    axis = torch.arange(24) - 12.0
    near = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + (axis + 3) ** 2) < 25
    return near.float().expand(4, -1, -1, -1).clone(), near.float().expand(3, -1, -1, -1).clone()


def test_scan_and_label_are_moved_alike_and_labels_stay_0_or_1():
    image, label = _ball()
    torch.manual_seed(0)
    moved, regions = RandomPose(1.0, 20.0, 0.1, 0.0)(image, label)
    assert not torch.equal(regions, label) and set(regions.unique().tolist()) == {0.0, 1.0}
    # a voxel decides by its nearest neighbour, so the two differ on the surface only
    assert ((moved > 0.5) == (regions[:1] > 0.5)).float().mean() > 0.99


def test_pose_scales_by_the_asked_range_at_most():
    image, label = _ball()
    torch.manual_seed(1)
    for _ in range(5):
        _, regions = RandomPose(1.0, 0.0, 0.1, 0.0)(image, label)
        assert 0.9**3 * 0.9 < regions[0].sum() / label[0].sum() < 1 / 0.9**3 * 1.1


def test_pose_follows_torchs_seed_and_may_stay_away():
    image, label = _ball()
    pose = RandomPose(1.0, 20.0, 0.1, 0.1)
    torch.manual_seed(2)
    first = pose(image, label)[0]
    torch.manual_seed(2)
    assert torch.equal(first, pose(image, label)[0]) and not torch.equal(first, pose(image, label)[0])
    assert torch.equal(RandomPose(0.0, 20.0, 0.1, 0.1)(image, label)[0], image)

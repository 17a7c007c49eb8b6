"""Batches of both domains: who is drawn, which sequence is kept, where unlabelled patches come from."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.unpaired.pairs import PairSampler, PreparePairs, brain_as_label, unlabelled_drawn

SOURCE, KNOWN, UNKNOWN = {"domain": "source"}, {"domain": "target"}, {"domain": "target", "unlabelled": True}


def test_a_batch_has_as_many_source_as_target_subjects_the_source_first():
    batches = list(PairSampler([SOURCE, SOURCE, UNKNOWN, KNOWN], batch_size=2, batches=30))
    assert len(batches) == 30
    assert all(set(batch[:2]) <= {0, 1} and set(batch[2:]) <= {2, 3} and len(batch) == 4 for batch in batches)
    assert {index for batch in batches for index in batch} == {0, 1, 2, 3}


@pytest.mark.parametrize("share, drawn", [(0.0, {1, 2}), (1.0, {3})])
def test_the_share_of_labelled_targets_is_followed(share, drawn):
    sampler = PairSampler([SOURCE, UNKNOWN, UNKNOWN, KNOWN], 1, 40, labelled_share=share)
    assert {batch[1] for batch in sampler} == drawn


def test_half_of_the_target_patches_are_of_the_one_labelled_subject_among_many():
    sampler = PairSampler([SOURCE, *[UNKNOWN] * 9, KNOWN], 1, 1)
    assert sampler.target.tolist() == pytest.approx([0, *[0.5 / 9] * 9, 0.5])


@pytest.mark.parametrize("items, weights", [([SOURCE, UNKNOWN], [0, 1]), ([SOURCE, KNOWN], [0, 1])])
def test_with_one_kind_of_target_subjects_all_patches_are_of_them(items, weights):
    assert PairSampler(items, 1, 1, labelled_share=0.5).target.tolist() == weights


@pytest.mark.parametrize("share, drawn", [(0.0, ["b1", "b2"]), (0.5, ["b1", "b2"]), (1.0, [])])
def test_the_record_names_unlabelled_targets_only_if_they_are_drawn(share, drawn):
    items = [SOURCE, UNKNOWN | {"subject": "b1"}, UNKNOWN | {"subject": "b2"}, KNOWN | {"subject": "b3"}]
    assert unlabelled_drawn(items, share) == drawn
    assert unlabelled_drawn(items[:3], share) == ["b1", "b2"]  # without a labelled one, all are of them
    assert unlabelled_drawn([SOURCE, KNOWN], share) == []


@pytest.mark.parametrize("items, message", [([SOURCE], "The target has no"), ([KNOWN], "The source has no")])
def test_an_empty_side_is_refused(items, message):
    with pytest.raises(UserError, match=message):
        PairSampler(items, 1, 1)
    with pytest.raises(UserError, match="labelled_share is 2"):
        PairSampler([SOURCE, KNOWN], 1, 1, labelled_share=2)


def test_each_side_keeps_the_channel_of_its_sequence():
    image = torch.arange(4.0).view(1, 4, 1, 1, 1).repeat(4, 1, 2, 2, 2)
    label, expert = torch.zeros(4, 3, 2, 2, 2), torch.tensor([True, True, False, True])
    prepare = PreparePairs(lambda batch, *a, **k: (image, label, (label, expert), {}), {"source": 2, "target": 3})
    source, target = prepare([{}] * 4)
    assert source.image.shape == target.image.shape == (2, 1, 2, 2, 2)
    assert source.image.unique() == 2 and target.image.unique() == 3
    assert source.labelled.tolist() == [True, True] and target.labelled.tolist() == [False, True]


def test_an_unlabelled_patch_may_lie_anywhere_in_the_brain():
    image = torch.zeros(4, 4, 2, 2)
    image[3, 1:3] = 5.0
    label = brain_as_label({"image": image})["label"]
    assert label.shape == (3, 4, 2, 2) and label.sum() == 3 * 4  # every second of 8 voxels, in three regions
    assert label[:, 0].sum() == 0

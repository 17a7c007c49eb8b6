"""Real scans seen by another scanner."""

import torch

from scripts.augment import Rescan


def _scans():
    image = torch.zeros(2, 4, 16, 16, 16)
    image[:, :, 3:13, 3:13, 3:13] = torch.randn(2, 4, 10, 10, 10)
    return image


def test_zero_strength_is_identity():
    image = _scans()
    assert torch.equal(Rescan(2.0, strength=0)(image), image)


def test_background_stays_zero_and_the_brain_changes():
    image = _scans()
    result = Rescan(2.0)(image)
    assert (result[image == 0] == 0).all() and result.isfinite().all()
    assert (
        not torch.equal(result, image) and torch.corrcoef(torch.stack([result.flatten(), image.flatten()]))[0, 1] > 0.3
    )


def test_each_subject_and_each_call_differ_and_a_seed_repeats():
    image = _scans()[:1].repeat(2, 1, 1, 1, 1)
    torch.manual_seed(0)
    first = Rescan(2.0)(image)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, Rescan(2.0)(image))
    torch.manual_seed(0)
    assert torch.equal(first, Rescan(2.0)(image))


def test_a_sequence_that_is_empty_stays_empty():
    image = _scans()
    image[:, 0] = 0
    assert Rescan(2.0)(image)[:, 0].abs().sum() == 0

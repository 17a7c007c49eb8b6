"""The pool gives back what it was given, of now or earlier, and its state goes on."""

import torch
from scripts.unpaired.image_pool import ImagePool


def _image(value):
    return torch.full((1, 1, 2, 2, 2), float(value))


def test_a_pool_of_no_size_changes_nothing():
    assert torch.equal(ImagePool(0)(_image(3)), _image(3))


def test_the_first_images_are_stored_and_given_and_later_ones_are_swapped_with_them():
    torch.manual_seed(0)
    pool = ImagePool(2)
    given = [float(pool(_image(value)).max()) for value in range(40)]
    assert given[:2] == [0.0, 1.0]
    assert len(pool.images) == 2
    earlier = [value for number, value in enumerate(given) if value < number]
    assert 8 <= len(earlier) <= 30  # about half of 38
    left = [float(image.max()) for image in pool.images]
    assert sorted(given[2:] + left) == [float(value) for value in range(40)]  # none is lost, none is given twice


def test_a_resumed_pool_gives_the_same_images():
    one, other = ImagePool(3), ImagePool(3)
    for value in range(5):
        one(_image(value))
    other.load_state_dict(one.state_dict())
    results = []
    for pool in (one, other):
        torch.manual_seed(1)
        results.append([float(pool(_image(value)).max()) for value in range(10, 20)])
    assert results[0] == results[1]

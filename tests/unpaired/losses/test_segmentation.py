"""The segmentation loss: on labelled patches alone, and without gradient for translators unless asked."""

import math

import pytest
import torch
from scripts.unpaired.losses.segmentation import UnpairedSegmentation
from unpaired.stubs import side, step


def test_loss_is_the_mean_over_the_images():
    # cross-entropy of logit z against 0 is ln(1 + e^z); a quarter of the voxels are background with logit 0
    def entropy(z):
        return 0.75 * math.log1p(math.exp(z)) + 0.25 * math.log(2)

    loss = UnpairedSegmentation(["source", "target"], kind="ce")
    assert loss(step()).item() == pytest.approx((entropy(3) + entropy(6)) / 2, rel=1e-5)


def test_images_without_a_labelled_patch_are_left_out():
    one = step(target=side(2.0, labelled=(False,)))
    both, source = (UnpairedSegmentation(images, kind="ce") for images in (["source", "target"], ["source"]))
    assert both(one) == source(one)
    assert UnpairedSegmentation(["target", "target_as_source"])(one) is None


def test_only_the_labelled_patches_of_a_batch_count():
    mixed = side(2.0, labelled=(False, True))
    mixed.image[0] = 100.0
    loss = UnpairedSegmentation(["target"], kind="ce")
    assert loss(step(target=mixed)).item() == pytest.approx(loss(step(target=side(2.0))).item())


@pytest.mark.parametrize("to_translator", [False, True])
def test_no_gradient_reaches_a_translator_unless_the_recipe_says_so(to_translator):
    one = step()
    UnpairedSegmentation(["source_as_target"], "teacher", "ce", to_translator)(one).backward()
    assert (one.networks.target.factor.grad is not None) == to_translator
    assert one.networks.teacher.factor.grad is not None and one.networks.student.factor.grad is None


@pytest.mark.parametrize("images", [[], "source", ["flair"]])
def test_wrong_images_are_refused(images):
    with pytest.raises(ValueError, match="image"):
        UnpairedSegmentation(images)


def test_dice_is_part_of_it_by_default():
    one = step(source=side(1.0, label=1.0))
    assert UnpairedSegmentation(["source"])(one) > UnpairedSegmentation(["source"], kind="ce")(one)
    assert torch.isfinite(UnpairedSegmentation(["source"])(one))

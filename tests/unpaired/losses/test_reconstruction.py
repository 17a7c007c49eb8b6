"""Cycle and reconstruction by hand."""

import pytest
from scripts.unpaired.losses.reconstruction import Reconstruction
from unpaired.stubs import step


def test_difference_is_the_mean_over_the_brain():
    # source_as_source is a tenth of the source, 1: a difference of .9 in each voxel of the brain
    assert Reconstruction(["source_as_source"])(step()).item() == pytest.approx(0.9)
    # and target_as_target is ten times 2: 18
    assert Reconstruction(["source_as_source", "target_as_target"])(step()).item() == pytest.approx((0.9 + 18) / 2)


def test_a_cycle_that_comes_back_costs_nothing_and_teaches_both_translators():
    one = step()
    loss = Reconstruction(["source_as_target_as_source"])(one)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert one.networks.source.factor.grad is not None and one.networks.target.factor.grad is not None


@pytest.mark.parametrize("image", ["source", "source_as_target", "mri_as_mri"])
def test_an_image_that_does_not_come_back_is_refused(image):
    with pytest.raises(ValueError, match="image"):
        Reconstruction([image])

"""A new network expects tumour to be rare."""

import pytest
import torch
from monai.networks.nets import DynUNet

from scripts.networks.initialise import set_output_prior


def test_every_head_first_predicts_about_the_given_probability():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=[4, 8, 8, 8], deep_supervision=True)
    assert set_output_prior(network, 0.05) is network
    biases = [p for name, p in network.named_parameters() if name.endswith("bias") and "conv.conv" in name]
    assert len(biases) == 2  # the output and one deep-supervision head
    for bias in biases:
        torch.testing.assert_close(torch.sigmoid(bias), torch.full((3,), 0.05))
    with torch.no_grad():
        mean = torch.sigmoid(network.eval()(torch.randn(1, 1, 32, 32, 32))).median()
    assert 0.01 < mean < 0.2


def test_norms_and_inner_layers_are_left_alone():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3] * 3, [1, 2, 2], [2] * 2, filters=[4, 8, 8], norm_name=("INSTANCE", {"affine": True}))
    before = {name: p.clone() for name, p in network.named_parameters()}
    set_output_prior(network)
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"output_block.conv.conv.bias"}


@pytest.mark.parametrize("probability", [0, 1, 1.5])
def test_impossible_probability_is_refused(probability):
    with pytest.raises(ValueError, match="initial_probability is"):
        set_output_prior(torch.nn.Conv3d(1, 3, 1), probability)

# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from monai.networks.nets import DynUNet
from scripts.networks.channels_last import ChannelsLastNorm, with_channels_last
from torch import nn

LAST = torch.channels_last_3d


@pytest.mark.parametrize("batch", [1, 2])
def test_in_bfloat16_the_result_is_channels_last_and_each_channel_of_each_image_has_mean_0_and_variance_1(batch):
    image = 5 + 3 * torch.randn(batch, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    result = ChannelsLastNorm(3)(image.bfloat16())
    assert result.dtype == torch.bfloat16 and result.is_contiguous(memory_format=LAST) and not result.is_contiguous()
    assert torch.allclose(result.float().mean((2, 3, 4)), torch.zeros(batch, 3), atol=0.01)
    assert torch.allclose(result.float().var((2, 3, 4), correction=0), torch.ones(batch, 3), atol=0.02)


def test_a_scale_and_a_shift_are_applied():
    norm = ChannelsLastNorm(1, affine=True)
    norm.weight.data.fill_(2.0)
    norm.bias.data.fill_(10.0)
    image = torch.tensor([1.0, 3.0]).reshape(1, 1, 2, 1, 1)  # mean 2, deviation 1
    assert norm(image.bfloat16()).flatten().tolist() == pytest.approx([8, 12], abs=0.05)


def test_in_float32_nothing_changes():
    image = torch.randn(2, 3, 4, 5, 6)
    result = ChannelsLastNorm(3)(image)
    assert torch.equal(result, nn.InstanceNorm3d(3)(image)) and result.is_contiguous()


def test_a_network_keeps_its_weights_and_its_results_and_its_features_are_channels_last():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3, 3, 3], [1, 2, 2], [2, 2], filters=[4, 8, 16], norm_name="INSTANCE")
    image = torch.randn(2, 1, 8, 8, 8)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    laid_out = {}
    with torch.autocast("cpu", torch.bfloat16):
        before = network(image)
        assert with_channels_last(network) is network
        for name in ("input_block", "bottleneck", "upsamples.0"):
            network.get_submodule(name).register_forward_hook(
                lambda module, given, made, name=name: laid_out.update({name: made.is_contiguous(memory_format=LAST)})
            )
        after = network(image)
    assert torch.allclose(before.float(), after.float(), atol=0.02)
    assert laid_out == {"input_block": True, "bottleneck": True, "upsamples.0": True}
    state = network.state_dict()
    assert state.keys() == weights.keys() and all(torch.equal(state[name], weights[name]) for name in weights)


def test_a_norm_with_running_statistics_stays_as_it_is():
    norm = nn.InstanceNorm3d(2, track_running_stats=True)
    assert type(with_channels_last(nn.Sequential(norm))[0]) is nn.InstanceNorm3d

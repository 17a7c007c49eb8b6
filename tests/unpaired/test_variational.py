"""The variational encoder: it samples in training, and is a plain DynUNet at test."""

import math

import torch
from scripts.unpaired.losses.latent_prior import LatentPrior
from scripts.unpaired.translators import FeatureDecoder
from scripts.unpaired.variational import VariationalEncoder
from unpaired.segmentors import FILTERS, networks, real_step, segmentor

LAYERS = ["input_block", "downsamples.0", "bottleneck"]


def _group():
    decoder = FeatureDecoder(FILTERS)
    prior = LatentPrior(["source", "target"], LAYERS)
    return networks(VariationalEncoder, {"prior": prior}, translators={"source": decoder, "target": decoder})


def test_each_level_is_sampled_around_its_mean_with_the_deviation_of_its_head():
    group = _group().train()
    features = real_step(group).output("student", "source").features
    for layer in LAYERS:
        noise = features[layer] - features[f"{layer}.mean"]
        assert features[f"{layer}.log_variance"].unique().tolist() == [-4.0]
        assert abs(noise.std() / math.exp(-2) - 1) < 0.1 and abs(noise.mean()) < 0.02


def test_at_test_the_student_gives_what_a_dynunet_of_its_weights_gives():
    group = _group().eval()
    image = torch.randn(1, 1, 16, 16, 16)
    plain = segmentor().eval()
    plain.load_state_dict(group.segmentors["student"].state_dict())
    torch.testing.assert_close(group.networks()["student"](image), plain(image))
    assert torch.equal(
        group.run_on("student", image, "target").logits[0], group.run_on("student", image, "target").logits[0]
    )


def test_heads_of_the_variance_are_trained_with_the_segmentor():
    group = _group().train()
    heads = {id(parameter) for parameter in group.log_variances.parameters()}
    assert heads <= {id(parameter) for parameter in group.parameter_groups()[0]}
    group(real_step(group))["loss"].backward()
    assert all(head.bias.grad.abs().sum() > 0 for head in group.log_variances)

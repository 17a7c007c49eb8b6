"""The shared encoder: translations are made of its features, and reach it with their gradient."""

from scripts.unpaired.shared_encoder import SharedEncoder, encoder_layers
from scripts.unpaired.translators import FeatureDecoder
from unpaired.segmentors import FILTERS, networks, real_step


def _group():
    return networks(SharedEncoder, translators={name: FeatureDecoder(FILTERS) for name in ("source", "target")})


def test_encoder_layers_are_those_of_a_dynunet_from_fine_to_coarse():
    assert encoder_layers(4) == ["input_block", "downsamples.0", "downsamples.1", "bottleneck"]
    modules = dict(_group().segmentors["student"].named_modules())
    assert all(layer in modules for layer in encoder_layers(len(FILTERS)))


def test_a_translation_goes_through_the_encoder_and_the_decoder_of_its_style():
    group = _group()
    step = real_step(group)
    step.image("source_as_target").sum().backward()
    assert group.translators["target"].last.bias.grad is not None
    assert group.translators["source"].last.bias.grad is None
    student = group.segmentors["student"]
    assert student.bottleneck.conv1.conv.weight.grad is not None  # zero at first, as the decoder's last layer is
    assert student.output_block.conv.conv.weight.grad is None


def test_an_image_translated_to_its_own_domain_has_its_shape():
    step = real_step(_group())
    assert step.image("source_as_source").shape == step.image("source").shape

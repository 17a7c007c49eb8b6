"""Translators and decoders: shapes, what they do at first, and what they can learn."""

import pytest
import torch
from scripts.unpaired.translators import FeatureDecoder, Translator


def test_a_new_translator_changes_nothing_and_can_learn_to():
    translator, image = Translator(channels=4, blocks=1), torch.randn(2, 1, 8, 12, 16)
    assert torch.equal(translator(image), image)
    translator(image).square().sum().backward()
    assert translator.last.weight.grad.abs().sum() > 0


def test_a_decoder_makes_an_image_of_features_of_each_scale():
    features = [torch.randn(1, 4 * 2**level, *(16 // 2**level,) * 3) for level in range(3)]
    decoder = FeatureDecoder([4, 8, 16])
    assert decoder(iter(features)).shape == (1, 1, 16, 16, 16) and decoder(features).std() > 0
    decoder(features).sum().backward()
    assert decoder.last.bias.grad == pytest.approx(16**3)

# SPDX-License-Identifier: Apache-2.0
"""Networks of DSAN: the student's encoder is shared, and a private decoder of each domain makes images of its features."""

import torch
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.step import Step


def encoder_layers(levels: int) -> list[str]:
    """Module paths of a DynUNet's encoder, the finest level first."""
    return ["input_block", *(f"downsamples.{number}" for number in range(levels - 2)), "bottleneck"]


class SharedEncoder(UnpairedNetworks):
    """Translates by the student's encoder and the decoder of the other domain (Han et al. 2021, arXiv:2101.06853).

    The translators are `scripts.unpaired.translators.FeatureDecoder`. A reconstruction is a translation to an image's
    own domain (``source_as_source``). The rest of the student, the decoder of a DynUNet, is the pixel classifier, so
    that the student is used at test like any other. Skip connections and the DynUNet are ours.
    """

    def record_layers(self, layers, networks=None) -> None:
        self.encoder = encoder_layers(len(self.segmentors["student"].filters))
        super().record_layers(tuple(dict.fromkeys((*layers, *self.encoder))), networks)

    def translate(self, step: Step, image: str, to: str) -> torch.Tensor:
        translator = self.translator(image, to)
        features = step.output("student", image, to_image=True).features
        with torch.autocast(step.image(image).device.type, torch.bfloat16, enabled=self.amp):
            return translator(features[layer] for layer in self.encoder).float()

# SPDX-License-Identifier: Apache-2.0
"""The segmentation loss of one segmentor on images of its choice, wherever an expert's label is known."""

import torch
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.unpaired.step import Step, check_images
from torch.nn.modules.loss import _Loss


class UnpairedSegmentation(_Loss):
    """Mean of `scripts.losses.segmentation_loss.SegmentationLoss` over the images that have a labelled patch.

    A translated image has the label of the patch that it was made of.

    Args:
        images: names of images (`scripts.unpaired.step.Step`), each named in a list.
        network: the segmentor.
        kind: ``ce`` or ``dice_ce``.
        to_translator: let the gradient reach the translators that made the images.

    Raises:
        ValueError: no image or an unknown one.
    """

    layers = ()

    def __init__(
        self, images: list[str], network: str = "student", kind: str = "dice_ce", to_translator: bool = False
    ) -> None:
        super().__init__()
        self.images = check_images(images)
        self.network, self.to_translator = network, to_translator
        self.loss = SegmentationLoss("student", kind)

    def forward(self, step: Step) -> torch.Tensor | None:
        """The mean loss; None if no patch of these images is labelled."""
        values = []
        for image in self.images:
            side = step.side(image)
            if bool(side.labelled.any()):
                output = step.output(self.network, image, to_image=self.to_translator)
                values.append(self.loss(None, output.select(side.labelled), side.label[side.labelled]))
        return sum(values) / len(values) if values else None

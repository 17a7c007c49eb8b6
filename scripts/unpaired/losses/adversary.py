# SPDX-License-Identifier: Apache-2.0
"""A discriminator that tells two kinds of images apart, and the loss of those who want it to fail."""

import torch
from monai.losses import PatchAdversarialLoss
from scripts.unpaired.image_pool import ImagePool
from scripts.unpaired.networks import run_network
from scripts.unpaired.step import Step, check_images
from torch import nn
from torch.nn.modules.loss import _Loss

IMAGE, PROBABILITY = "image", "probability"


class Adversary(_Loss):
    """Least-squares adversarial loss (MONAI ``PatchAdversarialLoss``; Mao et al. 2017, arXiv:1611.04076).

    As a term of the objective it is small where the discriminator takes the fakes for real. The discriminator itself
    learns by `discriminator_loss`, in a step of its own.

    Args:
        discriminator: MONAI ``PatchDiscriminator``, or a network that gives one map.
        real, fake: names of images (`scripts.unpaired.step.Step`).
        sees: what of them it sees: the ``image`` itself, the ``probability`` of the regions that a segmentor predicts,
            or the features of a layer, by its module path.
        network: the segmentor of ``probability`` and features.
        pool: number of earlier fakes that are kept (`scripts.unpaired.image_pool.ImagePool`).

    Raises:
        ValueError: no real or fake image, or an unknown one.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        real: list[str],
        fake: list[str],
        sees: str = IMAGE,
        network: str = "student",
        pool: int = 0,
    ) -> None:
        super().__init__()
        self.real, self.fake = check_images(real, key="real"), check_images(fake, key="fake")
        self.discriminator = discriminator
        self.sees, self.network = sees, network
        self.layers = () if sees in (IMAGE, PROBABILITY) else (sees,)
        self.pool = ImagePool(pool)
        self.loss = PatchAdversarialLoss(criterion="least_squares", no_activation_leastsq=True)

    def forward(self, step: Step) -> torch.Tensor:
        """Mean over the fakes of (D - 1)^2; the discriminator's own parameters get no gradient."""
        values = [self._judge(step, self._seen(step, image), True, to_discriminator=False) for image in self.fake]
        return sum(values) / len(values)

    def discriminator_loss(self, step: Step) -> torch.Tensor:
        """Half of the mean of (D - 1)^2 over real images plus that of D^2 over fakes; only D gets a gradient."""
        real = [self._judge(step, self._seen(step, image).detach(), True) for image in self.real]
        fake = [self._judge(step, self.pool(self._seen(step, image).detach()), False) for image in self.fake]
        return 0.5 * (sum(real) / len(real) + sum(fake) / len(fake))

    def _seen(self, step: Step, image: str) -> torch.Tensor:
        if self.sees == IMAGE:
            return step.image(image)
        output = step.output(self.network, image)
        return torch.sigmoid(output.logits[0].float()) if self.sees == PROBABILITY else output.features[self.sees]

    def _judge(self, step: Step, seen: torch.Tensor, is_real: bool, to_discriminator: bool = True) -> torch.Tensor:
        with torch.autocast(seen.device.type, torch.bfloat16, enabled=step.networks.amp):
            result = run_network(self.discriminator, seen, to_discriminator)
        verdict = result[-1] if isinstance(result, list) else result
        return self.loss(verdict.float(), is_real, for_discriminator=to_discriminator)

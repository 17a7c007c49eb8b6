# SPDX-License-Identifier: Apache-2.0
"""One training step: its images, translated or not, and the outputs of the networks for them, each computed once."""

import torch
from scripts.losses.output import Output
from scripts.unpaired.domains import DOMAINS
from scripts.unpaired.pairs import Side

AS = "_as_"
# The two scans of a step in the style of the other domain.
TO_TARGET, TO_SOURCE = f"source{AS}target", f"target{AS}source"


def check_image(name: str) -> str:
    """The name of an image, such as ``target`` or ``source_as_target_as_source``; ValueError on another one."""
    if not name or any(domain not in DOMAINS for domain in name.split(AS)):
        raise ValueError(
            f"There is no image '{name}': name source or target, and append {AS}source or {AS}target for each "
            "translation, such as source_as_target."
        )
    return name


def check_images(images: list[str] | tuple[str, ...], count: int | None = None, key: str = "images") -> list[str]:
    """The names of images as a list; ValueError on another one (`check_image`), on none, and on any but ``count``."""
    if isinstance(images, str) or not images or count not in (None, len(images)):
        wanted = f"{count} images" if count else "one image or more"
        raise ValueError(f"{key} is {images!r}, but must be a list of {wanted}, such as ['source_as_target'].")
    return [check_image(image) for image in images]


class Step:
    """What the losses ask for by name.

    An image is named after its domain, ``source`` or ``target``, followed by its translations: ``source_as_target`` is
    the source in the target's style, ``source_as_target_as_source`` is that translated back.

    Args:
        networks: ``scripts.unpaired.networks.UnpairedNetworks``.
        source, target: the batch.
    """

    def __init__(self, networks, source: Side, target: Side) -> None:
        self.networks = networks
        self.sides = {"source": source, "target": target}
        # that of the step, not of the loss that first asks for an image: others want the gradient to its translator
        self._with_gradient = torch.is_grad_enabled()
        self._images: dict[str, torch.Tensor] = {}
        self._outputs: dict[tuple, Output] = {}

    def translations(self) -> list[str]:
        """Those of the two scans in the style of the other domain that some loss has asked for."""
        return [name for name in (TO_TARGET, TO_SOURCE) if name in self._images]

    def side(self, image: str) -> Side:
        """The patches that an image was made of; they have its labels."""
        return self.sides[image.split(AS)[0]]

    def image(self, name: str) -> torch.Tensor:
        """(B, 1, X, Y, Z); its gradient reaches the translators that made it. Background 0, also after translation."""
        before, _, last = name.rpartition(AS)
        if not before:
            return self.sides[name].image
        if name not in self._images:
            brain = self.side(name).image != 0
            with torch.set_grad_enabled(self._with_gradient):
                self._images[name] = self.networks.translate(self, before, last) * brain
        return self._images[name]

    def output(self, network: str, image: str, to_image: bool = False, to_network: bool = True) -> Output:
        """The output of a network for an image. Where no gradient is wanted, one that is there already will do.

        Args:
            network: its name.
            image: name of the image.
            to_image: let the gradient reach the translators that made the image.
            to_network: let it reach the network's own parameters.
        """
        to_image = to_image and AS in image
        key = (network, image, to_image, to_network)
        if key not in self._outputs and not (to_image or to_network):
            there = [output for (*same, _, _), output in self._outputs.items() if same == [network, image]]
            if there:
                self._outputs[key] = there[0].detach()
        if key not in self._outputs:
            pixels = self.image(image)
            with torch.set_grad_enabled(self._with_gradient and (to_image or to_network)):
                pixels = pixels if to_image else pixels.detach()
                self._outputs[key] = self.networks.run_on(network, pixels, image.split(AS)[-1], to_network)
        return self._outputs[key]

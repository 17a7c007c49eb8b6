# SPDX-License-Identifier: Apache-2.0
"""A picture of the last step of each epoch: source, target, their translations, and what the student finds."""

import torch
from ignite.engine import Engine
from matplotlib.figure import Figure
from monai.engines.utils import IterationEvents
from scripts.common.files import save_atomically
from scripts.common.sequences import REGIONS
from scripts.unpaired.domains import DOMAINS
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.step import TO_SOURCE, TO_TARGET, Step

COLOURS = {"wt": "yellow", "tc": "red", "et": "cyan"}


class SavePicture:
    """Writes ``translation.png``: one row for each domain, with the scan, its translation, and the student's regions.

    Recipes that translate nothing get no picture.

    The slice of the source is the one with the most tumour, that of the target the one where the student finds most.

    Args:
        networks: of the recipe.
        path: of the PNG file.
    """

    def __init__(self, networks: UnpairedNetworks, path: str) -> None:
        self.networks, self.path = networks, path

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        step = engine.state.output["step"]
        if engine.state.iteration % engine.state.epoch_length == 0 and step.translations():
            with torch.no_grad():
                figure = draw(self.networks, step)
            save_atomically(self.path, lambda file: figure.savefig(file, format="png", dpi=110))


def draw(networks: UnpairedNetworks, step: Step) -> Figure:
    """The picture of a step, of its first patches."""
    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    axes = figure.subplots(2, 3)
    for row, domain, translated in zip(axes, DOMAINS, (TO_TARGET, TO_SOURCE)):
        scan = step.image(domain)[0, 0]
        found = torch.sigmoid(step.output("student", domain, to_network=False).logits[0][0].float()) > 0.5
        regions = step.side(domain).label[0] > 0.5 if domain == "source" else found
        place = int(regions[REGIONS.index("wt")].sum(dim=(0, 1)).argmax())
        _show(row[0], scan[..., place], domain)
        if translated in step.translations():
            _show(row[1], step.image(translated)[0, 0][..., place], translated.replace("_", " "))
        else:
            row[1].set_axis_off()
        _show(row[2], scan[..., place], f"student on {domain}")
        for region, colour in COLOURS.items():
            mask = found[REGIONS.index(region)][..., place].float().cpu()
            if 0 < mask.mean() < 1:
                row[2].contour(mask.T.numpy(), levels=[0.5], colors=colour, linewidths=0.8)
    return figure


def _show(axis, slice_: torch.Tensor, title: str) -> None:
    brain = slice_.detach().float().masked_fill(slice_ == 0, -2.5)  # a black background
    axis.imshow(brain.cpu().numpy().T, cmap="gray", origin="lower", vmin=-2.5, vmax=4)
    axis.set_title(title, fontsize=9)
    axis.set_axis_off()

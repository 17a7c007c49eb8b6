# SPDX-License-Identifier: Apache-2.0
"""A warning when a translator gives the same image everywhere."""

import logging

from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.step import AS

logger = logging.getLogger(__name__)


class WarnOfCollapse:
    """Measures the contrast of the translated images, and warns once for each translator that loses it.

    The contrast is the standard deviation in the brain, in z-units; that of a scan is near 1.

    Args:
        networks: of the recipe; without translators nothing is measured.
        every: steps from one measurement to the next.
        least: contrast below which a translation counts as constant.
    """

    def __init__(self, networks: UnpairedNetworks, every: int = 20, least: float = 0.1) -> None:
        self.networks, self.every, self.least = networks, every, least
        self.warned: set[str] = set()

    def attach(self, engine: Engine) -> None:
        if self.networks.translators:
            engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self)
            engine.add_event_handler(Events.EPOCH_STARTED, lambda engine: self.warned.clear())

    def __call__(self, engine: Engine) -> None:
        if engine.state.iteration % self.every:
            return
        step = engine.state.output["step"]
        for name in (f"source{AS}target", f"target{AS}source"):
            if name.rpartition(AS)[2] not in self.networks.translators or name not in step.made():
                continue
            contrast = step.image(name).detach()[step.side(name).image != 0].std().item()
            if contrast < self.least and name not in self.warned:
                self.warned.add(name)
                logger.warning(
                    "In epoch %d, %s has collapsed: its standard deviation in the brain is %.3f, that of a scan about 1. "
                    "Lower --translator_learning_rate, or give its cycle or reconstruction term more weight.",
                    engine.state.epoch,
                    name,
                    contrast,
                )

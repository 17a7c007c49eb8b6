# SPDX-License-Identifier: Apache-2.0
"""What the translators do to the images, as two numbers, and a warning where they do nothing or too much."""

import logging

from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from scripts.unpaired.networks import UnpairedNetworks

logger = logging.getLogger(__name__)

CONSTANT = (
    "In epoch %d, %s is constant: its standard deviation in the brain is %.3f, that of a scan about 1. Lower "
    "--translator_learning_rate, or give its cycle or reconstruction term more weight."
)
UNCHANGED = (
    "In epoch %d, %s is still the scan: the mean change in the brain is %.3f z-units. Train longer, or give its cycle "
    "term less weight."
)


class WatchTranslations:
    """Measures contrast and change of the translated images, logs their means each epoch, and warns.

    Contrast is the standard deviation in the brain, near 1 in a scan; change is the mean absolute difference from the
    scan there. Both are in z-units. A translation is constant where its contrast falls below ``least_contrast`` in any
    measurement, and unchanged where the epoch's mean change is below ``least_change``, but for the first epoch: a
    translator changes nothing at first.

    Args:
        networks: of the recipe; without translators nothing is measured.
        every: steps from one measurement to the next; shorter epochs are measured once.
        least_contrast, least_change: see above.
    """

    def __init__(
        self, networks: UnpairedNetworks, every: int = 20, least_contrast: float = 0.1, least_change: float = 0.02
    ) -> None:
        self.networks, self.every = networks, every
        self.least_contrast, self.least_change = least_contrast, least_change
        self.contrast: dict[str, list[float]] = {}
        self.change: dict[str, list[float]] = {}

    def attach(self, engine: Engine) -> None:
        if self.networks.translators:
            engine.add_event_handler(Events.EPOCH_STARTED, self._clear)
            engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self._measure)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)

    def _clear(self) -> None:
        self.contrast, self.change = {}, {}

    def _measure(self, engine: Engine) -> None:
        if engine.state.iteration % min(self.every, engine.state.epoch_length):
            return
        step = engine.state.output["step"]
        for name in step.translations():
            scan = step.side(name).image
            brain = scan != 0
            made = step.image(name).detach()[brain]
            self.contrast.setdefault(name, []).append(made.std().item())
            self.change.setdefault(name, []).append((made - scan[brain]).abs().mean().item())

    def _report(self, engine: Engine) -> None:
        for name, contrasts in self.contrast.items():
            contrast, change = (sum(values) / len(values) for values in (contrasts, self.change[name]))
            logger.info("%s: change %.3f, contrast %.3f z-units", name, change, contrast)
            if min(contrasts) < self.least_contrast:
                logger.warning(CONSTANT, engine.state.epoch, name, min(contrasts))
            elif change < self.least_change and engine.state.epoch > 1:
                logger.warning(UNCHANGED, engine.state.epoch, name, change)

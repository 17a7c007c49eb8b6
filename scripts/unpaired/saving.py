# SPDX-License-Identifier: Apache-2.0
"""The weights of an unpaired training: those of its last epoch, as a choice by Dice would need labels of the target."""

import logging

from ignite.engine import Engine, Events
from scripts.common.weights import save_weights
from scripts.unpaired.networks import UnpairedNetworks

logger = logging.getLogger(__name__)


class LatestWeights:
    """Saves the segmentors that are used at test after each epoch, with their provenance.

    Args:
        networks: of the recipe.
        output_dir: folder of the weights.
        provenance: what the record says of them; read when they are saved, as the run adds to it.
    """

    def __init__(self, networks: UnpairedNetworks, output_dir: str, provenance: dict) -> None:
        self.networks, self.output_dir, self.provenance = networks, output_dir, provenance

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        for name, (path, _) in self.networks.weights(self.output_dir).items():
            own = {"epoch": engine.state.epoch} | ({} if name == "student" else {"role": name})
            save_weights(path, self.networks.network(name), self.provenance | own)


def report_unpaired(networks: UnpairedNetworks, output_dir: str) -> None:
    """Log where the weights are, and the command that evaluates them."""
    files = ", ".join(path for path, _ in networks.weights(output_dir).values())
    logger.info("The weights of the last epoch are in %s.", files)
    logger.info(
        "Next: evaluate them with configs/evaluate.json after the other configs, --ckpt_dir %s and the same keys, or "
        "segment scans with configs/inference.json, --ckpt_dir %s --student_modalities %s.",
        output_dir,
        output_dir,
        networks.sequence[0],
    )

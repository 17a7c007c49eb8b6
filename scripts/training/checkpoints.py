# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a training: the best weights of each network, and the last state, from which a stopped run goes on."""

import logging

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.handlers import CheckpointLoader

from scripts.common.files import save_atomically
from scripts.common.weights import save_weights, student_file
from scripts.networks.all_students import AllStudents

logger = logging.getLogger(__name__)


class BestCheckpoint:
    """Saves a network's bare state dict whenever a validation metric reaches a new best value (main process only).

    MONAI's ``CheckpointSaver`` does not write atomically and forgets its best value when a run resumes.

    Args:
        network: student or teacher.
        metric: name of the metric in the evaluator's ``state.metrics``; larger is better.
        path: e.g. ``<output_dir>/model.pt``; its provenance goes beside it.
        provenance: what ``model.json`` says of the weights.
    """

    def __init__(self, network, metric: str, path: str, provenance: dict) -> None:
        self.network, self.metric, self.path, self.provenance = network, metric, path, provenance
        self.best = float("-inf")

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, evaluator: Engine) -> None:
        value = float(evaluator.state.metrics[self.metric])
        if value > self.best:
            self.best = value
            if idist.get_rank() > 0:
                return
            # MONAI's ValidationHandler runs the evaluator under the trainer's epoch
            reached = {"epoch": evaluator.state.epoch, self.metric: round(value, 4)}
            save_weights(self.path, self.network, self.provenance | reached)
            logger.info("%s %.4f is the best so far: saved %s", self.metric, value, self.path)

    def state_dict(self) -> dict:
        return {"best": self.best}

    def load_state_dict(self, state: dict) -> None:
        self.best = state["best"]


class LastCheckpoint:
    """Saves all that a run needs to go on, after every epoch, atomically.

    Args:
        objects: things with ``state_dict``, by name; loaded back by MONAI's ``CheckpointLoader``. The trainer itself is
            added under ``trainer``.
        path: e.g. ``<output_dir>/last.pt``.
    """

    def __init__(self, objects: dict, path: str) -> None:
        self.objects, self.path = objects, path

    def attach(self, engine: Engine) -> None:
        # after the validation of the epoch, whose best value is part of the state
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        state = {name: thing.state_dict() for name, thing in (self.objects | {"trainer": engine}).items()}
        save_atomically(self.path, lambda file: torch.save(state, file))


def resume(trainer: Engine, objects: dict, output_dir: str, device: torch.device) -> None:
    """Make the trainer go on from ``<output_dir>/last.pt`` when it starts.

    An early stop that the run did not have before begins to count now.
    """
    path = f"{output_dir}/last.pt"
    known = torch.load(path, map_location=device, weights_only=True).keys() | (objects.keys() - {"early_stop"})
    wanted = {name: thing for name, thing in objects.items() if name in known}
    CheckpointLoader(path, wanted | {"trainer": trainer}, map_location=device).attach(trainer)


def best_checkpoints(networks: AllStudents, output_dir: str, provenance: dict) -> list[BestCheckpoint]:
    """A ``BestCheckpoint`` per network: ``teacher.pt`` and one ``model_<sequences>.pt`` a setting in ``output_dir``."""
    checkpoints = []
    for name, sequences in networks.sequences().items():
        path = f"{output_dir}/{'teacher.pt' if name == 'teacher' else student_file(sequences)}"
        facts = provenance | {"sequences": list(sequences)}
        checkpoints.append(BestCheckpoint(networks.networks()[name], f"{name}_dice", path, facts))
    return checkpoints

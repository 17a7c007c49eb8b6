# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a training: the best weights of each network, and the last state, from which a stopped run goes on."""

import logging
import math
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.handlers import CheckpointLoader
from scripts.common.errors import UserError
from scripts.common.files import hold, release, remove_leftovers
from scripts.common.printable import some_of
from scripts.common.weights import save_state, save_weights, student_file
from scripts.networks.all_students import AllStudents
from scripts.training.gradient_ratios import GradientRatios

logger = logging.getLogger(__name__)


class BestCheckpoint:
    """Saves a network's bare state dict whenever a validation metric reaches a new best value (main process only).

    MONAI's ``CheckpointSaver`` does not write atomically and forgets its best value when a run resumes.

    Args:
        network: student or teacher.
        metric: name of the metric in the evaluator's ``state.metrics``; larger is better.
        path: e.g. ``<output_dir>/model.pt``; its provenance goes beside it.
        provenance: what ``model.json`` says of the weights; read when they are saved, as the run adds to it.
        own: what this network's differs in; read when they are saved, too. A key with an empty dictionary is left out.
    """

    def __init__(self, network, metric: str, path: str, provenance: dict, own: dict | None = None) -> None:
        self.network, self.metric, self.path, self.provenance, self.own = network, metric, path, provenance, own or {}
        self.best = float("-inf")

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, evaluator: Engine) -> None:
        value = float(evaluator.state.metrics[self.metric])
        if value > self.best:
            self.best = value
            # MONAI's ValidationHandler runs the evaluator under the trainer's epoch
            self.save(evaluator.state.epoch, **{self.metric: round(value, 4)})
            logger.info("%s %.4f is the best so far: saved %s", self.metric, value, self.path)

    def save(self, epoch: int, **reached: float) -> None:
        """Save the network as it is after this epoch, with the metric that it reached, if that is known."""
        if idist.get_rank() == 0:
            record = self.provenance | self.own | {"epoch": epoch} | reached
            unknown = [key for key, value in self.own.items() if value == {}]
            save_weights(self.path, self.network, {key: record[key] for key in record if key not in unknown})

    def state_dict(self) -> dict:
        return {"best": self.best}

    def load_state_dict(self, state: dict) -> None:
        self.best = float(state["best"]) if not math.isnan(state["best"]) else float("-inf")


class LastCheckpoint:
    """Saves all that a run needs to go on, after every epoch, atomically. The folder is locked while the run lasts.

    Args:
        objects: objects with ``state_dict``, by name; MONAI's ``CheckpointLoader`` loads them. The trainer itself is
            added as ``trainer``.
        path: e.g. ``<output_dir>/last.pt``.

    Raises:
        UserError: when the run starts, if another training runs in the folder.
    """

    def __init__(self, objects: dict, path: str) -> None:
        self.objects, self.path = objects, path

    def attach(self, engine: Engine) -> None:
        folder = Path(self.path).parent
        engine.add_event_handler(Events.STARTED, self._hold, folder)
        engine.add_event_handler(Events.COMPLETED, lambda: release(folder))
        # after the validation of the epoch, whose best value is part of the state
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        state = {name: thing.state_dict() for name, thing in (self.objects | {"trainer": engine}).items()}
        save_state(self.path, state)

    def _hold(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        hold(folder, f"Another training is running in {folder}: wait for it, or choose another --output_dir.")


def check_output_dir(output_dir: str, resume: bool) -> None:
    """Refuse to overwrite weights, and to resume a run that is not there; remove what a killed one has left.

    Raises:
        UserError: naming the folder and the way out.
    """
    last = Path(output_dir) / "last.pt"
    others = sorted(path.name for path in Path(output_dir).glob("*.pt") if path.name[0] != "." and path != last)
    if others and not last.exists() and not resume:
        raise UserError(
            f"{output_dir} holds weights that this training might overwrite ({some_of(others)}): choose another "
            "--output_dir."
        )
    if last.exists() and not resume:
        raise UserError(
            f"{last} is from an earlier run: continue it with --resume true, or choose another --output_dir."
        )
    if resume and not last.exists():
        raise UserError(
            f"There is nothing to resume: {last} does not exist. Leave --resume out, or correct --output_dir."
        )
    remove_leftovers(output_dir)


def resume(trainer: Engine, objects: dict, output_dir: str, device: torch.device) -> None:
    """Make the trainer go on from ``<output_dir>/last.pt`` when it starts.

    An early stop that the run did not have before starts to count now. With more epochs than before, the learning rate
    goes on as the schedule of that length has it.

    Raises:
        UserError: a damaged file, fewer epochs than were done, or another configuration
            (`scripts.training.configuration`).
    """
    path = f"{output_dir}/last.pt"
    try:
        stored = torch.load(path, map_location=device, weights_only=True)
        epochs = stored["trainer"]["iteration"] // (stored["trainer"]["epoch_length"] or 1)
        if epochs < 0:
            raise ValueError
    except Exception as error:  # torch raises many kinds for a damaged file, and advises to load it without checks
        raise _damaged(path) from error
    if trainer.state.max_epochs is not None and epochs > trainer.state.max_epochs:
        raise UserError(
            f"{path} is from epoch {epochs}, but this run has only {trainer.state.max_epochs}: raise --epochs."
        )
    if "configuration" in objects and "configuration" in stored:  # those up to version 0.6 have none
        try:
            objects["configuration"].load_state_dict(stored["configuration"])
        except (KeyError, TypeError, AttributeError) as error:
            raise _damaged(path) from error
    known = stored.keys() | (objects.keys() - {"early_stop"})
    wanted = {name: thing for name, thing in objects.items() if name in known and name != "configuration"}
    if hasattr(wanted.get("lr_scheduler"), "total_steps"):
        wanted["lr_scheduler"] = _ScheduleOfThisLength(wanted["lr_scheduler"])
    _Loader(path, wanted | {"trainer": trainer}, map_location=device).attach(trainer)


class _Loader(CheckpointLoader):
    """MONAI's, with one sentence for a file whose entries lack something or do not fit."""

    def __call__(self, engine: Engine) -> None:
        try:
            super().__call__(engine)
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise _damaged(self.load_path) from error


def _damaged(path: str) -> UserError:
    return UserError(
        f"{path} is damaged or is no checkpoint of a training: start again in another --output_dir (model.pt, if it is "
        "there, holds the best weights so far)."
    )


class _ScheduleOfThisLength:
    """A ``OneCycleLR`` that goes on at the stored step, but ends with this run, which may have other epochs."""

    def __init__(self, schedule) -> None:
        self.schedule = schedule

    def state_dict(self) -> dict:
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict) -> None:
        length = {name: getattr(self.schedule, name) for name in ("total_steps", "_schedule_phases")}
        self.schedule.load_state_dict(state | length)
        if state["total_steps"] != length["total_steps"]:
            self.schedule.last_epoch -= 1
            self.schedule.step()  # the rate of the stored step; it is a function of the step alone


def best_checkpoints(
    networks: AllStudents,
    output_dir: str,
    provenance: dict,
    gradient_ratios: GradientRatios | None = None,
    teacher_filters: list[int] | None = None,
) -> list[BestCheckpoint]:
    """A ``BestCheckpoint`` of each network: ``teacher.pt``, if it is trained, ``model_<sequences>.pt`` of a student.

    With ``gradient_ratios`` the record of each student has its own; the teacher's has those of all students. With
    ``teacher_filters`` the teacher's record has these.
    """
    checkpoints = []
    for name, sequences in networks.sequences().items():
        if name not in networks.frozen:
            path = f"{output_dir}/{'teacher.pt' if name == 'teacher' else student_file(sequences)}"
            own = {"sequences": list(sequences)}
            if teacher_filters is not None and name == "teacher":
                own["filters"] = list(teacher_filters)
            if gradient_ratios is not None and name != "teacher":
                own["gradient_ratios"] = gradient_ratios.medians[networks.names.index(name)]
            checkpoints.append(BestCheckpoint(networks.network(name), f"{name}_dice", path, provenance, own))
    return checkpoints


def state_of_all(checkpoints: list[BestCheckpoint], **objects) -> dict:
    """The objects that `LastCheckpoint` saves where there are many networks."""
    return objects | {f"best_{number}": checkpoint for number, checkpoint in enumerate(checkpoints)}


def present(**objects) -> dict:
    """The objects that `LastCheckpoint` saves, without those that a recipe does not have (None)."""
    return {name: thing for name, thing in objects.items() if thing is not None}


def report_results(checkpoints: list[BestCheckpoint], output_dir: str) -> None:
    """Log where the results of a finished training are, and the command that evaluates them (main process only)."""
    if idist.get_rank() > 0:  # the main process may still be writing them
        return
    validated = any(math.isfinite(each.best) for each in checkpoints)
    for each in checkpoints:
        if not Path(each.path).is_file():
            why = (
                "it was removed after it was saved" if math.isfinite(each.best) else "it was never saved or was removed"
            )
            logger.warning("%s is missing: %s, and only a new training makes it.", each.path, why)
    saved = ", ".join(
        Path(each.path).name + (f" ({each.metric} {each.best:.3f})" if validated else "") for each in checkpoints
    )
    last = "" if validated else " They are those of the last epoch, as there were no validation subjects."
    logger.info("The weights are in %s: %s.%s", output_dir, saved, last)
    logger.info(
        "Next: python -m monai.bundle run evaluating --config_file \"['configs/train.json','configs/evaluate.json']\" "
        "--ckpt_dir %s --output_dir %s/evaluation (with the same overlays, sequences and data as in training)",
        output_dir,
        output_dir,
    )

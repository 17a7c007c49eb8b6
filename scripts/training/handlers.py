# SPDX-License-Identifier: Apache-2.0
"""Handlers around the training steps: progress, seeds, gradient clipping, early stop and logged loss terms."""

import logging
from collections.abc import Iterable
from pathlib import Path

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping, ProgressBar
from monai.data.utils import set_rnd
from monai.engines.utils import IterationEvents
from monai.utils import set_determinism
from scripts.common.errors import UserError
from scripts.training.checkpoints import BestCheckpoint

logger = logging.getLogger(__name__)


class TrainingProgress:
    """Keeps ``objective.progress`` at the fraction of the training that is done, also after resuming."""

    def __init__(self, objective) -> None:
        self.objective = objective

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        steps = engine.state.max_epochs * engine.state.epoch_length
        self.objective.progress = (engine.state.iteration - 1) / steps


class SeedEachEpoch:
    """Seeds every random generator at the start of each epoch, so that a resumed run repeats the uninterrupted one.

    Args:
        seed: of the run. The seed of an epoch follows from it, the epoch and the rank of the process, so that runs with
            neighbouring seeds share no random numbers.
        dataset: whose random transforms are seeded too.
    """

    def __init__(self, seed: int, dataset) -> None:
        self.seed, self.dataset = seed, dataset

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        entropy = (self.seed, engine.state.epoch, idist.get_rank())
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        set_determinism(seed)
        set_rnd(self.dataset, seed)


class ClipGradients:
    """Scales the gradients down to a norm before each optimiser step, so that one odd patch cannot ruin a training.

    Args:
        groups: lists of trained parameters; each list is clipped by itself.
        max_norm: largest norm of all gradients of a list together (nnU-Net has 12; Isensee et al. 2021).
    """

    def __init__(self, groups: list[list], max_norm: float) -> None:
        self.groups, self.max_norm = groups, max_norm

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        for parameters in self.groups:
            torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)


class StopIfNotFinite:
    """Ends a training that diverges, before it spoils what is saved.

    It looks at the loss before each optimiser step, and at the networks at the end of each epoch; it must stand before
    the handlers that validate and save.

    Args:
        network: the trained module.
        last: path of the last checkpoint, for the message.

    Raises:
        UserError: in the run, at the first loss or weight that is NaN or infinite.
    """

    def __init__(self, network: torch.nn.Module, last: str) -> None:
        self.network, self.last = network, last

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.check_loss)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.check_weights)

    def check_loss(self, engine: Engine) -> None:
        if not torch.isfinite(engine.state.output["loss"]).all():
            self._stop(engine, "loss")

    def check_weights(self, engine: Engine) -> None:
        if not all(torch.isfinite(parameter).all() for parameter in self.network.parameters()):
            self._stop(engine, "network")

    def _stop(self, engine: Engine, what: str) -> None:
        kept = (
            f"{self.last} has the state after the last good epoch" if Path(self.last).is_file() else "nothing was saved"
        )
        raise UserError(
            f"The training diverged: in epoch {engine.state.epoch}, step {engine.state.iteration}, the {what} is not "
            f"finite. It was stopped ({kept}): start again with a lower --learning_rate or --clip_norm."
        )


class RestartSchedule:
    """Starts the learning rate schedule again when the trainer goes on after its end, as in federated learning.

    Each round of ``monai.fl.client.MonaiAlgo`` runs the same trainer for a few more epochs. A ``OneCycleLR`` has a
    fixed number of steps and raises an error on the next one. With this handler, each round has the whole schedule
    (warm restarts, Loshchilov and Hutter 2017).

    Args:
        lr_scheduler: a ``OneCycleLR``. Others, without ``total_steps``, are left alone.
    """

    def __init__(self, lr_scheduler) -> None:
        self.lr_scheduler = lr_scheduler

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        steps = getattr(self.lr_scheduler, "total_steps", None)
        if steps and self.lr_scheduler.last_epoch >= steps - 1:
            self.lr_scheduler.last_epoch = -1
            self.lr_scheduler.step()  # to step 0: learning rate and momentum are functions of the step alone


class LastValidation:
    """Validates after the last epoch, which the interval of MONAI's ``ValidationHandler`` may not reach.

    Without validation subjects there is nothing to choose weights by (MONAI's evaluator does nothing then). It saves
    the weights instead, after every interval and after the last epoch.

    Args:
        validator: the evaluator; it must not be running already.
        interval: of the ``ValidationHandler``, which stands before this handler.
        checkpoints: of the trained networks.
    """

    def __init__(self, validator: Engine, interval: int, checkpoints: Iterable[BestCheckpoint]) -> None:
        self.validator, self.interval, self.checkpoints = validator, interval, list(checkpoints)

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self._announce)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    @property
    def has_subjects(self) -> bool:
        return self.validator.state.epoch_length != 0

    def _announce(self, engine: Engine) -> None:
        if not self.has_subjects:
            logger.info(
                "There are no validation subjects: the weights of the last epoch are kept, as no Dice chooses better ones."
            )

    def __call__(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        at_interval, last = epoch % self.interval == 0, epoch == engine.state.max_epochs
        if self.has_subjects:
            if last and not at_interval:
                self.validator.run(epoch)
        elif last or at_interval:
            for checkpoint in self.checkpoints:
                checkpoint.save(epoch)


def early_stop(trainer: Engine, evaluator: Engine, patience: int, metric: str, objects: dict) -> None:
    """End the training when a validation metric has not improved for ``patience`` validations.

    This is a function of the run list, since a handler in the config that names the trainer would be a circular
    reference. The counter is put among the ``objects`` of ``LastCheckpoint`` as ``early_stop``, so that a resumed run
    stops when the uninterrupted one does; MONAI's ``EarlyStopHandler`` hides ignite's counter.
    """
    objects["early_stop"] = EarlyStopping(patience, lambda engine: engine.state.metrics[metric], trainer)
    evaluator.add_event_handler(Events.EPOCH_COMPLETED, objects["early_stop"])


class OutputAsList:
    """Puts the trainer's output into a list, where ``--tracking mlflow`` reads the loss; must be the first handler.

    MONAI's decollating would do so, but takes the terms of the loss for a batch.
    """

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        engine.state.output = [engine.state.output]


def defined_elsewhere(handler):
    """The handler itself: MONAI reads a config's handlers and expects a definition of each, not a reference."""
    return handler


class EpochMeans:
    """Adds the epoch's means of the loss and its terms to the trainer's metrics, which every logger shows.

    The mean of a term is over the steps in which it took part: without those before its start, and without those whose
    patches lack the labels that it needs.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)

    def _start(self, engine: Engine) -> None:
        self.values.clear()
        engine.state.metrics.clear()  # what this epoch does not measure is not shown with an earlier epoch's value

    def _add(self, engine: Engine) -> None:
        for name, value in loss_terms(engine.state.output).items():
            self.values.setdefault(name, []).append(value)

    def _report(self, engine: Engine) -> None:
        engine.state.metrics.update({name: sum(values) / len(values) for name, values in self.values.items()})


class LossProgressBar(ProgressBar):
    """A progress bar over all steps of the training: time left, loss, and Dice of the latest validation.

    ignite's own bar starts anew in each epoch, so that it cannot tell the time that is left.

    Args:
        desc: text before the bar.
        evaluator: whose metrics named ``*_dice`` are shown, if there is one.
    """

    def __init__(self, desc: str, evaluator: Engine | None = None) -> None:
        bar = "{desc} {n_fmt}/{total_fmt} steps {percentage:3.0f}%|{bar:20}| {elapsed}, left {remaining}{postfix}"
        super().__init__(desc=desc, bar_format=bar)
        self.evaluator = evaluator

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self._open)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._advance)
        engine.add_event_handler(Events.COMPLETED, self._close)

    def _open(self, engine: Engine) -> None:
        if self.pbar is None:
            self._reset(engine.state.max_epochs * engine.state.epoch_length)
            self.pbar.n = self.pbar.initial = engine.state.iteration  # of a resumed run: the rate counts from here

    def _advance(self, engine: Engine) -> None:
        metrics = {} if self.evaluator is None else self.evaluator.state.metrics
        dice = {name: value for name, value in metrics.items() if name.endswith("_dice")}
        self.pbar.set_postfix({"loss": loss_terms(engine.state.output)["loss"]} | dice, refresh=False)
        self.pbar.update(engine.state.iteration - self.pbar.n)


def loss_terms(output) -> dict[str, float]:
    """``loss`` and each term of the last step, and each term's share of the sum of all terms."""
    prediction = output[0]["pred"] if isinstance(output, list) else output["pred"]
    values = {name: value.item() for name, value in prediction.items()}
    terms = [name for name in values if name != "loss" and not name.startswith("discriminator_")]
    total = sum(values[name] for name in terms)  # of several students, the terms are means and the loss is a sum
    return values | {f"share_{name}": values[name] / total for name in terms if total}


def terms_of_step(output) -> dict[str, float]:
    """`loss_terms` for TensorBoard, as ``step/loss``, ...: the epoch's means have the plain names and count epochs."""
    return {f"step/{name}": value for name, value in loss_terms(output).items()}

# SPDX-License-Identifier: Apache-2.0
"""What happens around the training steps: progress, seeds, best and last checkpoints, logged terms."""

import logging

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping, ProgressBar
from monai.data.utils import set_rnd
from monai.engines.utils import IterationEvents
from monai.handlers import MeanDice, from_engine
from monai.utils import set_determinism

from scripts.common.sequences import REGIONS

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
        seed: of the run; from it, the epoch and the process of a distributed run follow the numbers of that epoch, so
            that runs with neighbouring seeds have none of them in common.
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
        groups: lists of parameters that the optimiser trains; each list is clipped by itself.
        max_norm: of all gradients of a list together (nnU-Net has 12; Isensee et al. 2021).
    """

    def __init__(self, groups: list[list], max_norm: float) -> None:
        self.groups, self.max_norm = groups, max_norm

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        for parameters in self.groups:
            torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)


def early_stop(trainer: Engine, evaluator: Engine, patience: int, metric: str, objects: dict) -> None:
    """End the training when a validation metric has not improved for ``patience`` validations.

    A handler in the config that names the trainer would be a circular reference, hence this function in the run list.
    What it counts is put among the ``objects`` of ``LastCheckpoint`` as ``early_stop``, so that a resumed run stops when the
    uninterrupted one does; MONAI's ``EarlyStopHandler`` around ignite's hides it.
    """
    objects["early_stop"] = EarlyStopping(patience, lambda engine: engine.state.metrics[metric], trainer)
    evaluator.add_event_handler(Events.EPOCH_COMPLETED, objects["early_stop"])


class OutputAsList:
    """Wraps the trainer's output in a list, as MONAI's decollating would: ``--tracking mlflow`` reads the loss there.

    MONAI's ``decollate`` itself takes the terms of the loss for a batch. Must come before the handlers that read the
    output.
    """

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        engine.state.output = [engine.state.output]


class EpochMeans:
    """Means over the epoch of the loss and its terms, put among the trainer's metrics, which every logger shows."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, lambda engine: self.sums.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)

    def _add(self, engine: Engine) -> None:
        for name, value in loss_terms(engine.state.output).items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def _report(self, engine: Engine) -> None:
        # a term whose weight was still 0 counts as 0
        engine.state.metrics.update({name: total / engine.state.epoch_length for name, total in self.sums.items()})


class LossProgressBar(ProgressBar):
    """ignite's progress bar with the terms of the loss and the Dice of the last validation behind it.

    Args:
        evaluator: whose metrics named ``*_dice`` are shown.
        desc: text before the bar.
    """

    def __init__(self, evaluator: Engine, desc: str) -> None:
        super().__init__(desc=desc)
        self.evaluator = evaluator

    def attach(self, engine: Engine) -> None:
        super().attach(engine, output_transform=self._values)

    def _values(self, output) -> dict[str, float]:
        terms = {name: value for name, value in loss_terms(output).items() if not name.startswith("share_")}
        dice = {name: value for name, value in self.evaluator.state.metrics.items() if name.endswith("_dice")}
        return terms | dice


def loss_terms(output) -> dict[str, float]:
    """``loss`` and each term of the last step, and each term's share of the loss, for console and TensorBoard."""
    prediction = output[0]["pred"] if isinstance(output, list) else output["pred"]
    values = {name: value.item() for name, value in prediction.items()}
    sampling_weights = {
        f"share_{name}": value / values["loss"] for name, value in values.items() if name != "loss" and values["loss"]
    }
    return values | sampling_weights


def region_pairs(network: str, region: str | None = None):
    """Output transform of a metric: the network's predictions and the labels, all regions or one of them."""
    channels = slice(None) if region is None else slice(REGIONS.index(region), REGIONS.index(region) + 1)
    pairs = from_engine([network, "label"])

    def transform(output):
        predictions, labels = pairs(output)
        return [p[channels] for p in predictions], [y[channels] for y in labels]

    return transform


def dice_metrics(networks, key: str) -> dict[str, MeanDice]:
    """Validation metrics by name: each network's mean Dice, such as ``student_dice``, ``mean_dice`` over all networks,
    and each network's Dice of each region, such as ``student_wt``.

    Args:
        networks: names of the evaluator's predictions.
        key: the metric that stands first.
    """
    pairs = {f"{name}_dice": region_pairs(name) for name in networks}
    pairs |= {"mean_dice": _all_of(list(pairs.values()))}
    pairs |= {f"{name}_{region}": region_pairs(name, region) for name in networks for region in REGIONS}
    return {name: MeanDice(output_transform=pairs[name]) for name in sorted(pairs, key=lambda name: name != key)}


def _all_of(transforms):
    def transform(output):
        predictions, labels = zip(*(transform(output) for transform in transforms))
        return sum(predictions, []), sum(labels, [])

    return transform

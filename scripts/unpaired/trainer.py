# SPDX-License-Identifier: Apache-2.0
"""The trainer of unpaired recipes: segmentors and translators take a step, then the discriminators."""

from collections.abc import Callable

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from monai.engines import Trainer
from monai.engines.utils import IterationEvents
from monai.utils.enums import CommonKeys
from scripts.common.errors import UserError
from scripts.config_checks.domains import ONE_PROCESS
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.step import Step
from torch.utils.data import DataLoader


class UnpairedTrainer(Trainer):
    """Alternating steps in the manner of MONAI's ``GanTrainer``, with the events of its ``SupervisedTrainer``.

    A discriminator learns from the images that were made before the other networks' step, which are not computed again.

    Args:
        device: of the networks.
        max_epochs: number of epochs.
        train_data_loader: batches for ``prepare_batch``.
        network: segmentors, translators and the objective.
        optimizer: of all parameters but the discriminators'.
        discriminator_optimizer: of these; None where no term has one.
        prepare_batch: `scripts.unpaired.pairs.PreparePairs`.
        train_handlers: ignite handlers.

    Raises:
        UserError: more than one process; in the run, a step to which no term applies.
    """

    def __init__(
        self,
        device: torch.device,
        max_epochs: int,
        train_data_loader: DataLoader,
        network: UnpairedNetworks,
        optimizer: torch.optim.Optimizer,
        discriminator_optimizer: torch.optim.Optimizer | None,
        prepare_batch: Callable,
        train_handlers: list | None = None,
    ) -> None:
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            prepare_batch=prepare_batch,
            handlers=train_handlers,
            decollate=False,
        )
        if idist.get_world_size() > 1:
            raise UserError(ONE_PROCESS)
        self.network, self.optimizer, self.discriminator_optimizer = network, optimizer, discriminator_optimizer

    def _iteration(self, engine: Engine, batchdata) -> dict:
        step = Step(self.network, *engine.prepare_batch(batchdata, engine.state.device))
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        prediction = self.network(step)
        engine.state.output = {CommonKeys.PRED: prediction, CommonKeys.LOSS: prediction["loss"], "step": step}
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        if not prediction["loss"].requires_grad:
            raise UserError(
                "No term of the loss applies to a batch without labels of the target: set target#labels, and "
                "target#labelled_share to 1."
            )
        prediction["loss"].backward()
        engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        self.optimizer.step()
        if self.discriminator_optimizer is not None:
            prediction |= self._discriminators(step)
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        del engine.state.output["step"]  # so that no graph outlives its step
        return engine.state.output

    def _discriminators(self, step: Step) -> dict[str, torch.Tensor]:
        losses = self.network.objective.discriminator_loss(step)
        if not losses:  # no adversary has started yet
            return {}
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        self.discriminator_optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}


def discriminator_optimizer(parameters: list, new: Callable) -> torch.optim.Optimizer | None:
    """The optimiser that ``new(params=...)`` makes, or None where there is no discriminator."""
    return new(params=parameters) if parameters else None

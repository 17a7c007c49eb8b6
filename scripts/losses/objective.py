# SPDX-License-Identifier: Apache-2.0
"""The training loss: a sum of named, weighted, scheduled terms, written as a table in the config."""

import math

import ignite.distributed as idist
import torch
from scripts.common.errors import UserError
from scripts.losses.output import Output
from torch import nn


class Term(nn.Module):
    """One weighted term of the objective.

    Args:
        loss: a module ``loss(teacher, student, label) -> scalar`` with an attribute ``layers``: the module paths whose
            outputs it wants in ``Output.features``. A loss of one network has an attribute ``network``, ``"teacher"`` or
            ``"student"``; any other is taken to read the outputs of both. One that takes its statistics over all
            processes has ``over_processes = True``. A new distillation loss is such a class and one entry in the config.
            (Losses of unpaired trainings: `scripts.unpaired.objective`.)
        weight: its full weight.
        start: fraction of the training before which the weight is 0.
        ramp: fraction of the training in which it then grows to its full value as exp(-5 (1 - t)^2)
            (Laine and Aila 2017; ACN uses it too); 0 for at once.
        needs_expert_label: compute it on samples with an expert's label alone, not on those that a teacher has labelled
            (``scripts.training.teacher_labels``).

    Raises:
        UserError: on a negative weight or a start or ramp outside 0 to 1; in a run of several processes, whose batches
            differ in this, if a loss over all of them needs an expert's label.
    """

    def __init__(
        self,
        loss: nn.Module,
        weight: float = 1.0,
        start: float = 0.0,
        ramp: float = 0.0,
        needs_expert_label: bool = False,
    ) -> None:
        super().__init__()
        numbers = all(type(number) in (int, float) for number in (weight, start, ramp))
        if not numbers or not 0 <= weight < math.inf or not 0 <= start <= 1 or not 0 <= ramp <= 1:
            raise UserError(
                f"A term of the loss has weight {weight!r}, start {start!r} and ramp {ramp!r}: give a weight of at least 0, "
                "and the others from 0 to 1."
            )
        if needs_expert_label and getattr(loss, "over_processes", False) and idist.get_world_size() > 1:
            raise UserError(
                f"needs_expert_label of a {type(loss).__name__} term cannot be true in a run of several processes: the "
                "loss is over all of them, and some may have no such label. Set it to false, or run one process."
            )
        self.loss = loss
        self.weight = weight
        self.start = start
        self.ramp = ramp
        self.needs_expert_label = needs_expert_label

    @property
    def may_be_left_out(self) -> bool:
        """Whether a step may go without this term, so that what it alone trains gets no gradient."""
        return self.weight == 0 or self.start > 0 or self.needs_expert_label

    def weight_at(self, progress: float) -> float:
        """The weight at a fraction (0 to 1) of the training."""
        if progress < self.start:
            return 0.0
        if progress >= self.start + self.ramp:
            return self.weight
        return self.weight * math.exp(-5 * (1 - (progress - self.start) / self.ramp) ** 2)


class Objective(nn.Module):
    """Sum of terms.

    Args:
        terms: terms by name; None (a term with ``"_disabled_": true`` in the config) is left out.

    Attributes:
        progress: fraction of the training done, kept up to date by ``scripts.training.handlers.TrainingProgress``, or
            by the network group of several objectives.
        measured: parameters for which each call stores `gradient_norms`; None for no measurement. See
            ``scripts.training.gradient_ratios``.
        gradient_norms: norm of the gradient of each weighted term of the last measured call, by name.

    Raises:
        UserError: if no term is left.
    """

    def __init__(self, terms: dict[str, Term | None]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if term is not None})
        if not self.terms:
            raise UserError("objective#terms has no term: enable at least the student's segmentation loss.")
        self.progress = 0.0
        self.measured: list[nn.Parameter] | None = None
        self.gradient_norms: dict[str, float] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Module paths that any term wants to see."""
        return tuple(sorted({layer for term in self.terms.values() for layer in term.loss.layers}))

    @property
    def needing_teacher(self) -> tuple[str, ...]:
        """Names of the terms that read the teacher's output: all but those of the student alone and of weight 0."""
        names = ((name, getattr(term.loss, "network", None)) for name, term in self.terms.items() if term.weight > 0)
        return tuple(name for name, network in names if network != "student")

    def of_teacher(self) -> "Objective | None":
        """The terms that teach the teacher alone, as its own objective; None if there is none."""
        terms = {name: term for name, term in self.terms.items() if _teaches_teacher(term)}
        return Objective(terms) if terms else None

    def of_student(self) -> "Objective":
        """All other terms.

        Raises:
            UserError: if no term is left.
        """
        return Objective({name: term for name, term in self.terms.items() if not _teaches_teacher(term)})

    def __str__(self) -> str:
        return "loss = " + " + ".join(
            f"{term.weight:g} {name}"
            + (f" (from {term.start:.0%}, ramp {term.ramp:.0%})" if term.start or term.ramp else "")
            for name, term in self.terms.items()
        )

    def forward(
        self, teacher: Output | None, student: Output | None, label: torch.Tensor, expert: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            teacher, student: None when there is none.
            label: (B, 3, X, Y, Z), regions tc, wt, et.
            expert: bool (B,), whether the label is an expert's; None if all are.

        Returns:
            ``loss``, and under each term's name its weighted value, detached. A term is not computed where its weight
            is 0, or where it needs an expert's label and no sample has one.
        """
        values = {}
        mixed = expert is not None and not bool(expert.all())
        for name, term in self.terms.items():
            weight = term.weight_at(self.progress)
            if weight > 0 and not (mixed and term.needs_expert_label):
                values[name] = weight * term.loss(teacher, student, label)
            elif weight > 0 and bool(expert.any()):
                chosen = (None if output is None else output.select(expert) for output in (teacher, student))
                values[name] = weight * term.loss(*chosen, label[expert])
        return self.total(values, label.device)

    def total(self, values: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
        """``loss``, the sum of the weighted terms, and each of them, detached; measures their gradients on request."""
        if self.measured is not None and torch.is_grad_enabled():
            self.gradient_norms = {name: gradient_norm(value, self.measured) for name, value in values.items()}
        total = sum(values.values(), start=torch.zeros((), device=device))
        return {"loss": total} | {name: value.detach() for name, value in values.items()}


def _teaches_teacher(term: Term) -> bool:
    return getattr(term.loss, "network", None) == "teacher"


def gradient_norm(value: torch.Tensor, parameters: list[nn.Parameter]) -> float:
    """Norm of the gradient of a scalar for these parameters; the graph is kept."""
    if not value.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))


def total_loss(prediction: dict[str, torch.Tensor], label: torch.Tensor) -> torch.Tensor:
    """The trainer's loss function: the ``NetworkGroup`` has already computed it (DDP must see all parameters)."""
    return prediction["loss"]

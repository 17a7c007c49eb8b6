# SPDX-License-Identifier: Apache-2.0
"""One teacher and the students of many subsets in one module; each batch serves all of them."""

import copy
import math
from collections.abc import Callable, Mapping

import torch
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES, channels_of, ordered, subset_name
from scripts.losses.output import Output
from scripts.networks.initialise import set_output_prior
from scripts.networks.teacher_student import JOINT_FROZEN_OR_ALONE, NetworkGroup
from torch import nn


class AllStudents(NetworkGroup):
    """Joint training with several students: the teacher runs once a step, and some students learn from the same batch.

    The students share only the batch and the teacher. Each has its own copy of the objective, and so its own
    projectors. The losses are added up, so that a student's gradients are the same as in a run of its own. A term that
    sends gradients to the teacher sends their mean over the students of the step, so that they are as strong beside the
    teacher's own loss as those of one student.

    Args:
        students: a network per subset, in the order of ``subsets``, on that subset's channels.
        subsets: choices of sequences.
        objective: ``scripts.losses.objective.Objective`` of one student, copied for each.
        students_per_step: number of students that learn in a step. They take turns: in a number of steps divisible by
            the turns of a round (``len(subsets)`` without ``turns``) each has had its share. Memory grows with it; data
            and teacher are computed once.
        turns: how many turns a student has in a round, by its subset, such as ``{"t1": 2}``; all others have one.
        teacher: a network on all channels; None for students without one.
        teacher_objective: the teacher's own objective, called with the teacher's output only; None freezes the teacher.
            See ``Objective.of_teacher``.
        amp: see ``NetworkGroup``.

    Raises:
        UserError: more students a step than there are, or fewer than one; turns that are no whole number, of an unknown
            subset, or so many that a student would have two in one step.
    """

    def __init__(
        self,
        students: list[nn.Module],
        subsets: list[tuple[str, ...]],
        objective: nn.Module,
        students_per_step: int,
        teacher: nn.Module | None = None,
        teacher_objective: nn.Module | None = None,
        amp: bool = False,
        turns: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(amp)
        if not 1 <= students_per_step <= len(subsets):
            raise UserError(
                f"students_per_step is {students_per_step}, but must be 1 to {len(subsets)}, the number of "
                "student_subsets: lower it."
            )
        self.names = [subset_name(subset) for subset in subsets]
        self.round = round_of_turns(self.names, students_per_step, turns or {})
        self.students = nn.ModuleDict(zip(self.names, students, strict=True))
        self.objectives = nn.ModuleDict({name: copy.deepcopy(objective) for name in self.names})
        self.teacher = teacher
        self.teacher_objective = teacher_objective
        self.students_per_step = students_per_step
        # counts training steps; in the state dict, so that a resumed run goes on with the student whose turn it is
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.progress = 0.0
        if teacher is not None and teacher_objective is None:
            self.freeze("teacher")
        self.record_layers(objective.layers)

    def loss_text(self) -> str:
        text = f"each student: {next(iter(self.objectives.values()))}"
        return text if self.teacher_objective is None else f"teacher: {self.teacher_objective}; {text}"

    def networks(self) -> dict[str, nn.Module]:
        """The teacher, if there is one, as ``teacher``, each student by its subset, such as ``t1ce+flair``."""
        return ({} if self.teacher is None else {"teacher": self.teacher}) | dict(self.students)

    def way_to_a_teacher(self) -> str | None:
        return JOINT_FROZEN_OR_ALONE if self.teacher is None else None

    def channels(self, name: str) -> list[int]:
        return list(range(len(SEQUENCES))) if name == "teacher" else channels_of(name)

    def leaves_parameters_unused(self) -> bool:
        objectives = [next(iter(self.objectives.values())), self.teacher_objective]
        terms = [term for objective in objectives if objective is not None for term in objective.terms.values()]
        return self.students_per_step < len(self.names) or any(term.may_be_left_out for term in terms)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Parameters of the teacher, and of each student with its objective; each group is clipped by itself."""
        teacher = [] if self.teacher is None else [[p for p in self.teacher.parameters() if p.requires_grad]]
        return teacher + [self._trained(name) for name in self.names]

    def student_objectives(self) -> list[tuple[nn.Module, list[nn.Parameter]]]:
        return [(self.objectives[name], list(self.students[name].parameters())) for name in self.names]

    def steps_of_a_round(self) -> int:
        return math.ceil(len(self.round) / self.students_per_step)

    def _trained(self, name: str) -> list[nn.Parameter]:
        modules = (self.students[name], self.objectives[name])
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def turn(self) -> list[str]:
        """The subsets whose students learn in the next step."""
        first = int(self.steps) * self.students_per_step
        return [self.round[(first + i) % len(self.round)] for i in range(self.students_per_step)]

    def forward(
        self, image: torch.Tensor, label: torch.Tensor, expert: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences.
            label: (B, 3, X, Y, Z), regions tc, wt, et.
            expert: bool (B,), whether the label is an expert's; None if all are.

        Returns:
            ``loss``, the sum over teacher and students; detached, the teacher's terms by name, and each term of the
            students as its mean over those of this step.
        """
        teacher = None if self.teacher is None else self.run("teacher", image)
        shared = None if teacher is None else with_scaled_gradient(teacher, 1 / self.students_per_step)
        results = [self._student_loss(name, shared, image, label, expert) for name in self.turn()]
        if self.training:
            self.steps += 1
        values = {name: sum(r[name] for r in results) / len(results) for name in results[0] if name != "loss"}
        loss = sum(result["loss"] for result in results)
        if teacher is not None and self.teacher_objective is not None:
            self.teacher_objective.progress = self.progress
            of_teacher = self.teacher_objective(teacher, None, label, expert)
            loss = loss + of_teacher.pop("loss")
            values |= of_teacher
        return {"loss": loss} | values

    def _student_loss(self, name: str, teacher: Output | None, image: torch.Tensor, label, expert) -> dict:
        def compute():
            return self._objective(name)(teacher, self.run(name, image), label, expert)

        if not torch.is_grad_enabled():
            return compute()
        teacher_outputs = [] if teacher is None else [*teacher.logits, *teacher.features.values()]
        return loss_with_gradients(
            compute, self._trained(name) + [tensor for tensor in teacher_outputs if tensor.requires_grad]
        )

    def _objective(self, name: str) -> nn.Module:
        self.objectives[name].progress = self.progress
        return self.objectives[name]


def round_of_turns(names: list[str], students_per_step: int, turns: Mapping[str, int]) -> list[str]:
    """The order in which students learn until each has had its turns, those of one student evenly apart.

    Raises:
        UserError: see `AllStudents`.
    """
    given = {subset_name(subset): number for subset, number in turns.items()}
    if wrong := [name for name, number in given.items() if name not in names or type(number) is not int or number < 1]:
        raise UserError(
            f"student_turns has {wrong[0]}: {given[wrong[0]]!r}, but must hold a whole number, 1 or more, for subsets of "
            f"student_subsets, such as {{'{names[0]}': 2}}."
        )
    counts = [given.get(name, 1) for name in names]
    # in a round from 0 to 1, the turns of student i of n begin at (i + .5) / n of its distance between two turns
    places = [
        ((turn + (i + 0.5) / len(names)) / count, name)
        for i, (name, count) in enumerate(zip(names, counts))
        for turn in range(count)
    ]
    order = [name for _, name in sorted(places, key=lambda place: place[0])]
    for first in range(len(order)):
        step = [order[(first + i) % len(order)] for i in range(students_per_step)]
        if twice := [name for name in step if step.count(name) > 1]:
            raise UserError(
                f"student_turns gives {twice[0]} two turns in one step of {students_per_step} students: lower its number, "
                "or students_per_step."
            )
    return order


def new_students(new_student: Callable, subsets: list, device, probability: float) -> list[nn.Module]:
    """A new network for each subset, made by ``new_student(in_channels=...)``, on the device, with an output prior."""
    return [
        set_output_prior(new_student(in_channels=len(ordered(subset))).to(device), probability) for subset in subsets
    ]


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor, factor):
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


def with_scaled_gradient(output: Output, factor: float) -> Output:
    """The same output, whose gradients reach the network times ``factor``."""
    return Output(
        [_ScaledGradient.apply(logits, factor) for logits in output.logits],
        {layer: _ScaledGradient.apply(features, factor) for layer, features in output.features.items()},
    )


class _LossWithGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, compute, results, *inputs):
        with torch.enable_grad():
            values = compute()
        ctx.gradients = torch.autograd.grad(values["loss"], inputs, allow_unused=True)
        results.update({name: value.detach() for name, value in values.items()})
        return results["loss"].clone()

    @staticmethod
    def backward(ctx, gradient):
        return None, None, *(None if own is None else own * gradient for own in ctx.gradients)


def loss_with_gradients(
    compute: Callable[[], dict[str, torch.Tensor]], inputs: list[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The values that ``compute`` returns, among them ``loss``, whose gradients are computed here already.

    The graphs of several losses that are added up stay in memory until the sum's backward pass: some GB with seven
    students of 1.4 million parameters, which cost a fifth of the step's time (2 CPU cores). Here only the gradients are
    kept. The sum's backward pass passes them on as usual, also to ``DistributedDataParallel``.

    Args:
        compute: called once, with gradients enabled.
        inputs: all tensors that need a gradient of the loss: parameters, and outputs of other networks.
    """
    results = {}
    loss = _LossWithGradients.apply(compute, results, *inputs)
    return results | {"loss": loss}

# SPDX-License-Identifier: Apache-2.0
"""One teacher and the students of many settings in one module: each batch is rendered and taught once for all."""

import copy

import torch
from torch import nn

from scripts.at_once import at_once
from scripts.errors import UserError
from scripts.handlers import KeepBest
from scripts.rare import expect_rare
from scripts.sequences import SEQUENCES, channels_of, setting_name
from scripts.teacher_student import Output, TappedNetworks
from scripts.weights import student_file


class AllStudents(TappedNetworks):
    """Choi's joint training with more than one student: the teacher runs once a step, and the students whose turn it is
    learn from the same batch.

    The students share nothing but the batch and the teacher: each has its own copy of the objective and so its own
    projectors. The losses are added up, so that a student's gradients are those of a run of its own; where a term lets
    gradients reach the teacher, it gets those of all students of the step.

    Args:
        students: a network per setting, in the order of ``settings``, on that setting's channels.
        settings: choices of sequences.
        objective: ``scripts.objective.Objective`` of one student, copied for each.
        students_per_step: how many students learn in a step; they take turns, so that in a number of steps divisible by
            ``len(settings)`` each has had equally many. Memory grows with it, the cost of data and teacher is shared.
        teacher: a network on all channels; None for students without one.
        teacher_objective: the teacher's own objective, called with the teacher's output only; None freezes the teacher.
        amp: see ``TappedNetworks``.

    Raises:
        UserError: more students a step than there are, or fewer than one.
    """

    def __init__(
        self,
        students: list[nn.Module],
        settings: list[tuple[str, ...]],
        objective: nn.Module,
        students_per_step: int,
        teacher: nn.Module | None = None,
        teacher_objective: nn.Module | None = None,
        amp: bool = False,
    ) -> None:
        super().__init__(amp)
        if not 1 <= students_per_step <= len(settings):
            raise UserError(
                f"students_per_step is {students_per_step}, but must be 1 to {len(settings)}, the number of "
                "student_settings: lower it."
            )
        self.names = [setting_name(setting) for setting in settings]
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
        self.tap(objective.taps)

    def networks(self) -> dict[str, nn.Module]:
        """The teacher, if there is one, as ``teacher``, each student by its setting, such as ``t1ce+flair``."""
        return ({} if self.teacher is None else {"teacher": self.teacher}) | dict(self.students)

    def channels(self, name: str) -> list[int]:
        return list(range(len(SEQUENCES))) if name == "teacher" else channels_of(name)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Parameters of the teacher, and of each student with its objective: their gradients are clipped apart."""
        teacher = [] if self.teacher is None else [[p for p in self.teacher.parameters() if p.requires_grad]]
        return teacher + [self._trained(name) for name in self.names]

    def _trained(self, name: str) -> list[nn.Parameter]:
        modules = (self.students[name], self.objectives[name])
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def turn(self) -> list[str]:
        """The settings whose students learn in the coming step."""
        first = int(self.steps) * self.students_per_step
        return [self.names[(first + i) % len(self.names)] for i in range(self.students_per_step)]

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences.
            label: (B, 3, X, Y, Z), regions tc, wt, et.

        Returns:
            ``loss``, the sum over teacher and students; detached, the teacher's terms by name, and each term of the
            students as its mean over those of this step.
        """
        teacher = None if self.teacher is None else self.run("teacher", image)
        results = [self._taught(name, teacher, image, label) for name in self.turn()]
        if self.training:
            self.steps += 1
        values = {name: sum(r[name] for r in results) / len(results) for name in results[0] if name != "loss"}
        loss = sum(result["loss"] for result in results)
        if teacher is not None and self.teacher_objective is not None:
            of_teacher = self.teacher_objective(teacher, None, label)
            loss = loss + of_teacher.pop("loss")
            values |= of_teacher
        return {"loss": loss} | values

    def _taught(self, name: str, teacher: Output | None, image: torch.Tensor, label: torch.Tensor) -> dict:
        def compute():
            return self._objective(name)(teacher, self.run(name, image), label)

        if not torch.is_grad_enabled():
            return compute()
        taught_by = [] if teacher is None else [*teacher.logits, *teacher.features.values()]
        return at_once(compute, self._trained(name) + [tensor for tensor in taught_by if tensor.requires_grad])

    def _objective(self, name: str) -> nn.Module:
        self.objectives[name].progress = self.progress
        return self.objectives[name]


def students_of(new_student, settings: list[tuple[str, ...]], device, first_prediction: float) -> list[nn.Module]:
    """A new network for each setting, ``new_student(in_channels=...)``, on the device, that expects rare tumours."""
    return [expect_rare(new_student(in_channels=len(setting)).to(device), first_prediction) for setting in settings]


def keep_each(networks: AllStudents, output_dir: str, provenance: dict) -> list[KeepBest]:
    """A ``KeepBest`` per network: ``teacher.pt`` and one ``model_<sequences>.pt`` a setting in ``output_dir``."""
    keepers = []
    for name, sequences in networks.sequences().items():
        path = f"{output_dir}/{'teacher.pt' if name == 'teacher' else student_file(sequences)}"
        facts = provenance | {"sequences": list(sequences)}
        keepers.append(KeepBest(networks.networks()[name], f"{name}_dice", path, facts))
    return keepers

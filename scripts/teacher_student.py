# SPDX-License-Identifier: Apache-2.0
"""Teacher and student in one module, so that MONAI's own trainer can train them together."""

from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Output:
    """What one network gives for a batch.

    Attributes:
        logits: one tensor a scale, finest first, (B, 3, X/2^s, Y/2^s, Z/2^s); not probabilities.
        features: tapped feature maps by module path, e.g. ``{"bottleneck": (B, C, x, y, z)}``.
    """

    logits: list[torch.Tensor]
    features: dict[str, torch.Tensor] = field(default_factory=dict)


class Taps:
    """Reads the outputs of named sub-modules with forward hooks, so that MONAI's networks stay as they are.

    Args:
        network: any module.
        paths: module paths in it, as in ``network.named_modules()``.

    Raises:
        ValueError: if the network has no module of that path.
    """

    def __init__(self, network: nn.Module, paths: tuple[str, ...]) -> None:
        self._seen: dict[str, torch.Tensor] = {}
        modules = dict(network.named_modules())
        for path in paths:
            if path not in modules:
                raise ValueError(
                    f"The network has no module '{path}' to tap; it has: {', '.join(list(modules)[1:40])}."
                )
            modules[path].register_forward_hook(self._remember(path))

    def _remember(self, path: str):
        def hook(module, inputs, output):
            self._seen[path] = output

        return hook

    def take(self) -> dict[str, torch.Tensor]:
        """The outputs of the last forward pass; they are forgotten here, so that no graph outlives its step."""
        seen = dict(self._seen)
        self._seen.clear()
        return seen


class TeacherStudent(nn.Module):
    """Runs the teacher on all sequences and the student on its own, and adds up the objective.

    Its parameters are those of both networks and of the objective's projectors: one optimiser, one checkpoint and one
    DistributedDataParallel wrapper serve all of them.

    Args:
        student: a network with deep-supervision heads (MONAI ``DynUNet``) on ``len(student_channels)`` channels.
        objective: ``scripts.objective.Objective``.
        student_channels: the student's channels in the teacher's input.
        teacher: a network on all channels, or None for training without a teacher.
        freeze_teacher: keep the teacher as it is: evaluation mode, no gradients.
        amp: run the networks in bfloat16 (any device; losses stay in float32). MONAI 1.6.1's own ``amp`` autocasts for
            CUDA only, so it is left off in the engines.
    """

    def __init__(
        self,
        student: nn.Module,
        objective: nn.Module,
        student_channels: list[int],
        teacher: nn.Module | None = None,
        freeze_teacher: bool = False,
        amp: bool = False,
    ) -> None:
        super().__init__()
        self.student = student
        self.teacher = teacher
        self.objective = objective
        self.student_channels = list(student_channels)
        self.freeze_teacher = freeze_teacher
        self.amp = amp
        if teacher is not None and freeze_teacher:
            teacher.requires_grad_(False)
        self._heads = {name: deep_supervision_heads(network) for name, network in self.networks().items()}
        self._taps = {
            name: Taps(network, objective.taps + self._heads[name]) for name, network in self.networks().items()
        }

    def networks(self) -> dict[str, nn.Module]:
        """Teacher (if any) and student by name."""
        return {name: net for name, net in (("teacher", self.teacher), ("student", self.student)) if net is not None}

    def train(self, mode: bool = True) -> "TeacherStudent":
        super().train(mode)
        if self.teacher is not None and self.freeze_teacher:
            self.teacher.eval()
        return self

    def network_input(self, name: str, image: torch.Tensor) -> torch.Tensor:
        """The channels of ``image`` (B, 4, X, Y, Z) that the network of that name sees."""
        return image if name == "teacher" else image[:, self.student_channels]

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences in the order of ``scripts.sequences.SEQUENCES``.
            label: (B, 3, X, Y, Z), regions tc, wt, et.

        Returns:
            ``loss`` (a scalar to minimise) and, detached, each term of it by name, weighted.
        """
        outputs = {name: self._run(name, image) for name in self.networks()}
        return self.objective(outputs.get("teacher"), outputs["student"], label)

    def _run(self, name: str, image: torch.Tensor) -> Output:
        network = self.networks()[name]
        frozen = name == "teacher" and self.freeze_teacher
        with (
            torch.autocast(image.device.type, torch.bfloat16, enabled=self.amp),
            torch.set_grad_enabled(torch.is_grad_enabled() and not frozen),
        ):
            finest = network(self.network_input(name, image))
        tapped = self._taps[name].take()
        coarser = [tapped.pop(head) for head in self._heads[name]]
        return Output([finest, *coarser], tapped)


def deep_supervision_heads(network: nn.Module) -> tuple[str, ...]:
    """Paths of a DynUNet's deep-supervision heads, finest first, and make it return its finest logits alone.

    The heads are tapped at their own scale: a DynUNet in training mode would upsample and stack them.
    """
    network.deep_supervision = False
    return tuple(f"deep_supervision_heads.{i}" for i in range(len(getattr(network, "deep_supervision_heads", ()))))

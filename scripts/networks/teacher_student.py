# SPDX-License-Identifier: Apache-2.0
"""Teacher and student in one module, so that MONAI's own trainer can train them together."""

import torch
from torch import nn

from scripts.common.sequences import SEQUENCES
from scripts.common.weights import network_path
from scripts.losses.output import Output


class FeatureHooks:
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


class NetworkGroup(nn.Module):
    """Networks by name in one module, each run on its own channels of the batch, with its features tapped.

    One optimiser, one checkpoint and one DistributedDataParallel wrapper serve all of them, and whatever projectors
    the objective has.

    Args:
        amp: run the networks in bfloat16 (any device; losses stay in float32). MONAI 1.6.1's own ``amp`` autocasts for
            CUDA only, so it is left off in the engines.
    """

    def __init__(self, amp: bool = False) -> None:
        super().__init__()
        self.amp = amp
        self.frozen: set[str] = set()

    def networks(self) -> dict[str, nn.Module]:
        """The networks by name; the same network may stand under several names."""
        raise NotImplementedError

    def network(self, name: str) -> nn.Module:
        """The network of that name."""
        return self.networks()[name]

    def channels(self, name: str) -> list[int]:
        """The channels, as indices into ``scripts.common.sequences.SEQUENCES``, that the network of that name sees."""
        raise NotImplementedError

    def layer(self, layers: tuple[str, ...]) -> None:
        """Tap every network at its deep-supervision heads and at these module paths; to be called once."""
        self._hooked: dict[int, tuple[tuple[str, ...], FeatureHooks]] = {}
        for network in self.networks().values():
            if id(network) not in self._hooked:
                heads = deep_supervision_heads(network)
                self._hooked[id(network)] = heads, FeatureHooks(network, layers + heads)

    def freeze(self, name: str) -> None:
        """Keep a network as it is: evaluation mode, no gradients."""
        self.frozen.add(name)
        self.network(name).requires_grad_(False)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Lists of parameters whose gradients are clipped apart; here all of them together."""
        return [list(self.parameters())]

    def sequences(self) -> dict[str, tuple[str, ...]]:
        """The sequences that each network sees."""
        return {name: tuple(SEQUENCES[channel] for channel in self.channels(name)) for name in self.networks()}

    def weights(self, folder: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Where each network's weights lie in a folder of trained networks, and what sequences they are for."""
        return {name: (network_path(folder, seen), seen) for name, seen in self.sequences().items()}

    def train(self, mode: bool = True) -> "NetworkGroup":
        super().train(mode)
        for name in self.frozen:
            self.network(name).eval()
        return self

    def network_input(self, name: str, image: torch.Tensor) -> torch.Tensor:
        """The channels of ``image`` (B, 4, X, Y, Z) that the network of that name sees."""
        return image[:, self.channels(name)]

    def run(self, name: str, image: torch.Tensor) -> Output:
        """The output of one network on ``image`` (B, 4, X, Y, Z)."""
        with (
            torch.autocast(image.device.type, torch.bfloat16, enabled=self.amp),
            torch.set_grad_enabled(torch.is_grad_enabled() and name not in self.frozen),
        ):
            finest = self.network(name)(self.network_input(name, image))
        heads, layers = self._hooked[id(self.network(name))]
        tapped = layers.take()
        coarser = [tapped.pop(head) for head in heads]
        return Output([finest, *coarser], tapped)


class TeacherStudent(NetworkGroup):
    """Runs the teacher on all sequences and the student on its own, and adds up the objective.

    Args:
        student: a network with deep-supervision heads (MONAI ``DynUNet``) on ``len(student_channels)`` channels.
        objective: ``scripts.losses.objective.Objective``.
        student_channels: the student's channels in the teacher's input.
        teacher: a network on all channels, or None for training without a teacher.
        freeze_teacher: keep the teacher as it is.
        amp: see ``NetworkGroup``.
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
        super().__init__(amp)
        self.student = student
        self.teacher = teacher
        self.objective = objective
        self.student_channels = list(student_channels)
        if teacher is not None and freeze_teacher:
            self.freeze("teacher")
        self.layer(objective.layers)

    def networks(self) -> dict[str, nn.Module]:
        """Teacher (if any) and student by name."""
        return {name: net for name, net in (("teacher", self.teacher), ("student", self.student)) if net is not None}

    def channels(self, name: str) -> list[int]:
        return list(range(len(SEQUENCES))) if name == "teacher" else self.student_channels

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences in the order of ``scripts.common.sequences.SEQUENCES``.
            label: (B, 3, X, Y, Z), regions tc, wt, et.

        Returns:
            ``loss`` (a scalar to minimise) and, detached, each term of it by name, weighted.
        """
        outputs = {name: self.run(name, image) for name in self.networks()}
        return self.objective(outputs.get("teacher"), outputs["student"], label)


def deep_supervision_heads(network: nn.Module) -> tuple[str, ...]:
    """Paths of a DynUNet's deep-supervision heads, finest first, and make it return its finest logits alone.

    The heads are tapped at their own scale: a DynUNet in training mode would upsample and stack them.
    """
    network.deep_supervision = False
    return tuple(f"deep_supervision_heads.{i}" for i in range(len(getattr(network, "deep_supervision_heads", ()))))

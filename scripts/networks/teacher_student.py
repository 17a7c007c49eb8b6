# SPDX-License-Identifier: Apache-2.0
"""Teacher and student in one module, so that MONAI's own trainer can train them together."""

import logging
from collections.abc import Callable, Iterable

import torch
from scripts.common.sequences import SEQUENCES, channels_of
from scripts.common.weights import network_path, student_path
from scripts.losses.output import Output
from scripts.networks.channels_last import with_channels_last
from torch import nn

# What to do where a loss needs a teacher and there is none.
JOINT_FROZEN_OR_ALONE = (
    "set teacher_training to joint or frozen, list configs/no_distillation.json in place of the recipe"
)

logger = logging.getLogger(__name__)


class FeatureHooks:
    """Reads the outputs of named layers with forward hooks, so that MONAI's networks need no change.

    Only the forward pass between `start` and `take` is recorded, so that a validation on whole brains keeps nothing.

    Args:
        network: any module.
        layers: module paths in it, as in ``network.named_modules()``.

    Raises:
        ValueError: if the network has no module of that path.
    """

    def __init__(self, network: nn.Module, layers: tuple[str, ...]) -> None:
        self._outputs: dict[str, torch.Tensor] = {}
        self._recording = False
        modules = dict(network.named_modules())
        for layer in layers:
            if layer not in modules:
                raise ValueError(f"The network has no layer '{layer}'; it has: {', '.join(list(modules)[1:40])}.")
            modules[layer].register_forward_hook(self._hook(layer))

    def _hook(self, layer: str):
        def hook(module, inputs, output):
            if self._recording:
                self._outputs[layer] = output

        return hook

    def start(self) -> None:
        """Record the next forward pass."""
        self._recording = True

    def take(self) -> dict[str, torch.Tensor]:
        """The outputs of the last forward pass. They are removed here, so that no graph outlives its step."""
        self._recording = False
        outputs = dict(self._outputs)
        self._outputs.clear()
        return outputs


class NetworkGroup(nn.Module):
    """Networks by name in one module. Each runs on its own channels of the batch, and its features are recorded.

    One optimiser, one checkpoint and one DistributedDataParallel wrapper serve all networks and the projectors that
    some losses have.

    Args:
        amp: run the networks in bfloat16 on any device; losses stay in float32. The engines' own ``amp`` is off, since
            MONAI 1.6.1 autocasts for CUDA only.
    """

    def __init__(self, amp: bool = False) -> None:
        super().__init__()
        self.amp = amp
        self.frozen: set[str] = set()

    def networks(self) -> dict[str, nn.Module]:
        """The networks by name; one network may have several names."""
        raise NotImplementedError

    def network(self, name: str) -> nn.Module:
        """The network of that name."""
        return self.networks()[name]

    def channels(self, name: str) -> list[int]:
        """Input channels of a network, as indices into ``scripts.common.sequences.SEQUENCES``."""
        raise NotImplementedError

    def way_to_a_teacher(self) -> str | None:
        """What to do, in the words of a message, if a term needs a teacher's output; None if the networks give one.

        None, too, where losses are not called with the outputs of a teacher and a student.
        """
        return None

    def loss_text(self) -> str:
        """The objective as a formula, for the log."""
        return str(self.objective)

    def record_layers(self, layers: tuple[str, ...], networks: Iterable[nn.Module] | None = None) -> None:
        """Record these layers and the deep-supervision heads of every network, or of those given; to be called once.

        All instance norms of this group become `scripts.networks.channels_last.ChannelsLastNorm`.
        """
        with_channels_last(self)
        self._recorded: dict[int, tuple[tuple[str, ...], FeatureHooks]] = {}
        for network in self.networks().values() if networks is None else networks:
            if id(network) not in self._recorded:
                return_finest_scale(network)
                heads = deep_supervision_heads(network)
                self._recorded[id(network)] = heads, FeatureHooks(network, layers + heads)

    def freeze(self, name: str) -> None:
        """Keep a network as it is: evaluation mode, no gradients."""
        self.frozen.add(name)
        self.network(name).requires_grad_(False)

    def trained_parameters(self) -> list[nn.Parameter]:
        """The parameters of all networks and projectors that are not frozen."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def leaves_parameters_unused(self) -> bool:
        """Whether a step may leave trained parameters without a gradient, which ``DistributedDataParallel`` must know.

        A term that starts later in the training leaves its projectors unused until then.
        """
        return any(term.may_be_left_out for term in self.objective.terms.values())

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Lists of parameters whose gradients are clipped separately; here one list of all of them."""
        return [list(self.parameters())]

    def steps_of_a_round(self) -> int:
        """The number of steps after which each student has learnt."""
        return 1

    def student_objectives(self) -> list[tuple[nn.Module, list[nn.Parameter]]]:
        """The objective of each student, with that student's parameters."""
        return [(self.objective, list(self.student.parameters()))]

    def sequences(self, ensemble: bool = False) -> dict[str, tuple[str, ...]]:
        """The sequences of each network, and on request of the ``ensemble`` of teacher and student, if the group is these.

        The log says why there is no ensemble.
        """
        each = {name: tuple(SEQUENCES[channel] for channel in self.channels(name)) for name in self.networks()}
        if not ensemble:
            return each
        if set(each) == {"teacher", "student"}:
            return each | {"ensemble": SEQUENCES}
        logger.info(
            "The ensemble is left out: it is the mean of a teacher and one student, but the networks are %s.",
            ", ".join(each),
        )
        return each

    def weights(self, folder: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Path of each network's weights in a folder of trained networks, and the sequences that they are for."""
        each = self.sequences()
        # the only network of train_teacher.json is a student, too, whose weights are teacher.pt
        alone = set(each) == {"student"}
        return {
            name: ((network_path if alone or name == "teacher" else student_path)(folder, seen), seen)
            for name, seen in each.items()
        }

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
        network = self.network(name)
        with torch.set_grad_enabled(torch.is_grad_enabled() and name not in self.frozen):
            return self.recorded(network, image.device, lambda: network(self.network_input(name, image)))

    def recorded(self, network: nn.Module, device: torch.device, call: Callable[[], torch.Tensor]) -> Output:
        """What ``call``, a forward pass of one of the networks, gives at each scale, and the features of its layers."""
        heads, hooks = self._recorded[id(network)]
        hooks.start()
        with torch.autocast(device.type, torch.bfloat16, enabled=self.amp):
            finest = call()
        features = hooks.take()
        coarser = [features.pop(head) for head in heads]
        return Output([finest, *coarser], features)


class TeacherStudent(NetworkGroup):
    """Runs the teacher on all sequences and the student on its own, and computes the objective.

    Args:
        student: a network with deep-supervision heads (MONAI ``DynUNet``) on ``student_sequences``.
        objective: ``scripts.losses.objective.Objective``.
        student_sequences: sequences that the student sees.
        teacher: a network on all sequences, or None to train a student alone.
        freeze_teacher: keep the teacher as it is.
        amp: see ``NetworkGroup``.
    """

    def __init__(
        self,
        student: nn.Module,
        objective: nn.Module,
        student_sequences: list[str],
        teacher: nn.Module | None = None,
        freeze_teacher: bool = False,
        amp: bool = False,
    ) -> None:
        super().__init__(amp)
        self.student = student
        self.teacher = teacher
        self.objective = objective
        self.student_channels = channels_of(student_sequences)
        if teacher is not None and freeze_teacher:
            self.freeze("teacher")
        self.record_layers(objective.layers)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters of the teacher, if there is one, and of the student with the objective's projectors."""
        teacher = [] if self.teacher is None else [self.teacher.parameters()]
        own = [*self.student.parameters(), *self.objective.parameters()]
        return [[p for p in group if p.requires_grad] for group in (*teacher, own)]

    def networks(self) -> dict[str, nn.Module]:
        """Teacher (if any) and student by name."""
        return {name: net for name, net in (("teacher", self.teacher), ("student", self.student)) if net is not None}

    def way_to_a_teacher(self) -> str | None:
        return JOINT_FROZEN_OR_ALONE if self.teacher is None else None

    def channels(self, name: str) -> list[int]:
        return list(range(len(SEQUENCES))) if name == "teacher" else self.student_channels

    def forward(
        self, image: torch.Tensor, label: torch.Tensor, expert: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            image: (B, 4, X, Y, Z), all sequences in the order of ``scripts.common.sequences.SEQUENCES``.
            label: (B, 3, X, Y, Z), regions tc, wt, et.
            expert: bool (B,), whether the label is an expert's; None if all are.

        Returns:
            ``loss`` (a scalar to minimise) and, detached, each weighted term of it by name.
        """
        outputs = {name: self.run(name, image) for name in self.networks()}
        return self.objective(outputs.get("teacher"), outputs["student"], label, expert)


def deep_supervision_heads(network: nn.Module) -> tuple[str, ...]:
    """Paths of a DynUNet's deep-supervision heads, finest first."""
    return tuple(f"deep_supervision_heads.{i}" for i in range(len(getattr(network, "deep_supervision_heads", ()))))


def return_finest_scale(network: nn.Module) -> None:
    """Make a DynUNet, in place, return its finest logits alone, also in training mode.

    Its heads are recorded at their own scale instead; in training mode a DynUNet would upsample and stack them.
    """
    network.deep_supervision = False

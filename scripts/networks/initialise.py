# SPDX-License-Identifier: Apache-2.0
"""The weights that networks start from: a trained teacher, an earlier run, or random ones with an output prior."""

import logging
import math

import torch
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import load_weights, start_from_teacher, teacher_path
from scripts.networks.teacher_student import NetworkGroup
from torch import nn

RANDOM = "random weights"
OTHER_FILTERS = ", since the trained teacher has other filters"
# The default learning rate of networks that are trained already; random weights learn too slowly with it.
WARM_RATE = 0.002
# behind the path of a frozen teacher
FROZEN = " (frozen)"

logger = logging.getLogger(__name__)


def load_starting_weights(
    networks: NetworkGroup,
    spacing: float,
    start_from: str | None = None,
    teacher_from: str | None = None,
    warm_start: bool = False,
    provenance: dict | None = None,
    student_from: str | None = None,
) -> dict[str, str]:
    """Fill the networks, in place, with the weights that a training starts from, and log them with the loss.

    Each network takes the first of these that applies:

    1. A frozen teacher: the trained teacher of ``teacher_from``.
    2. With ``start_from``: that network's weights in the folder of an earlier training.
    3. With ``warm_start``: the trained teacher's weights, and for a student those of ``student_from``; it takes the
       columns of its own sequences in the first layer (`scripts.common.weights.start_from_teacher`). A network with
       other filters than the trained one keeps its random weights.
    4. Random weights.

    The log warns where a network keeps its random weights in 3., while the learning rate is that of trained ones.

    Args:
        networks: teacher (if it takes part) and students.
        spacing: voxel size in mm; a frozen teacher must have been trained at it.
        start_from: folder of an earlier training, or None.
        teacher_from: folder or file of a trained teacher, or None.
        warm_start: see above.
        provenance: with ``learning_rate``; gets what each network starts from under ``starts_from``, and the ``loss``.
        student_from: folder or file of a trained network of all four sequences, a teacher or ``any_subset.pt``; that of
            ``teacher_from`` if None.

    Returns:
        What each network starts from, by name.

    Raises:
        UserError: if a trained teacher is needed and not given, or weights do not fit.
    """
    if (warm_start or "teacher" in networks.frozen) and not teacher_from:
        raise UserError(
            "This run needs a trained teacher: give its folder with --teacher_from, after training one with "
            "configs/train_teacher.json, or start from random weights with --warm_start false (a recipe with a frozen "
            "teacher needs one in any case)."
        )

    trained = {"teacher_from": teacher_from, "student_from": student_from}
    students_key = "student_from" if student_from and student_from != teacher_from else "teacher_from"
    starts = {}
    for name, (path, sequences) in networks.weights(start_from or "").items():
        network, key = networks.network(name), "teacher_from" if name == "teacher" else students_key
        if name in networks.frozen:
            load_weights(network, teacher_path(teacher_from), SEQUENCES, spacing, "teacher_from")
            starts[name] = teacher_path(teacher_from) + FROZEN
        elif start_from:
            load_weights(network, path, sequences, key="start_from")
            starts[name] = path
        elif warm_start and start_from_teacher(network, start := teacher_path(trained[key]), sequences, key):
            starts[name] = start
        else:
            starts[name] = RANDOM + (OTHER_FILTERS if warm_start else "")
    logger.info("%s; %s", "; ".join(_start_text(starts)), networks.loss_text())
    if provenance is not None:
        provenance |= {"starts_from": starts, "loss": networks.loss_text()}
        _warn_of_low_rate(starts, provenance.get("learning_rate", math.inf))
    return starts


def _warn_of_low_rate(starts: dict[str, str], rate: float) -> None:
    random = [name for name, start in starts.items() if start == RANDOM + OTHER_FILTERS]
    if random and rate <= WARM_RATE:
        logger.warning(
            "learning_rate is %g, which is meant for trained weights, but %s starts from random ones: set "
            "--learning_rate 0.01, or take filters that the trained teacher has.",
            *(rate, ", ".join(random)),
        )


def _start_text(starts: dict[str, str]) -> list[str]:
    """One phrase per distinct start, such as ``teacher, student start from models/teacher.pt``."""
    by_start = {}
    for name, start in starts.items():
        by_start.setdefault(start, []).append(name)
    return [f"{', '.join(names)} start{'s' * (len(names) == 1)} from {start}" for start, names in by_start.items()]


def load_trained_weights(networks: NetworkGroup, folder: str, spacing: float, teacher_from: str | None = None) -> None:
    """Fill the networks, in place, with the weights of a finished training, to evaluate them.

    Args:
        networks: teacher (if it takes part) and students.
        folder: folder with the training's weights.
        spacing: voxel size in mm.
        teacher_from: folder or file of a frozen teacher, which a training does not save again.

    Raises:
        UserError: if weights are missing or do not fit.
    """
    for name, (path, sequences) in trained_files(networks, folder, teacher_from).items():
        key = "teacher_from" if name in networks.frozen else "ckpt_dir"
        load_weights(networks.network(name), path, sequences, spacing, key)


def trained_files(
    networks: NetworkGroup, folder: str, teacher_from: str | None = None
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Path of each network's trained weights and the sequences that they are for; arguments as `load_trained_weights`."""
    own = {name: (teacher_path(teacher_from), SEQUENCES) for name in networks.frozen if teacher_from}
    return networks.weights(folder) | own


def set_output_prior(network: nn.Module, probability: float = 0.01) -> nn.Module:
    """Set the biases of a new network's output heads so that it predicts every region with this probability at first.

    A network with random weights predicts one half everywhere. Cross-entropy then pushes all voxels down at once, and
    with few seeds the features that feed the heads die as well: the network stays empty (measured: 1 of 3 seeds of a
    FLAIR student at 3 mm; none with this prior). Source: Lin et al. 2017 (arXiv:1708.02002), section 3.3.

    Args:
        network: a DynUNet, changed in place.
        probability: initial probability of each region, above 0 and below 1.

    Returns:
        The network.

    Raises:
        ValueError: on another probability.
    """
    if not 0 < probability < 1:
        raise ValueError(f"initial_probability is {probability}, but must be above 0 and below 1.")
    heads = [module for module in network.modules() if isinstance(module, nn.Conv3d) and module.bias is not None]
    with torch.no_grad():
        for head in heads:
            head.bias.fill_(math.log(probability / (1 - probability)))
    return network

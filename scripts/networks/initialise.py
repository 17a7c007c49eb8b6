# SPDX-License-Identifier: Apache-2.0
"""Where networks get their weights: earlier runs, a trained teacher, or a warm start from it."""

import math

import torch
from torch import nn

from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import load_weights, teacher_path, warm_start
from scripts.networks.teacher_student import NetworkGroup


def load_starting_weights(
    networks: NetworkGroup,
    spacing: float,
    start_from: str | None = None,
    teacher_from: str | None = None,
    warm: bool = False,
) -> None:
    """Fill the networks, in place, with the weights that a training starts from.

    Args:
        networks: teacher (if it takes part) and students.
        spacing: voxel size in mm; a teacher that stays as it is must have been trained at it.
        start_from: folder of an earlier training, whose weights are loaded, or None.
        teacher_from: folder or file of a trained teacher, or None; it takes precedence over that of ``start_from``.
        warm: start the students from the trained teacher (`scripts.common.weights.warm_start`), not from random weights.

    Raises:
        UserError: if a trained teacher is needed and not given, or weights do not fit.
    """
    if (warm or "teacher" in networks.frozen) and not teacher_from:
        raise UserError(
            "This recipe needs a trained teacher: give its folder with --teacher_from, after training one with "
            "configs/train_teacher.json."
        )
    if start_from:
        for name, (path, sequences) in networks.weights(start_from).items():
            if not (name == "teacher" and teacher_from):
                load_weights(networks.network(name), path, sequences)
    if teacher_from and "teacher" in networks.networks():
        runs_at = spacing if "teacher" in networks.frozen else None
        load_weights(networks.network("teacher"), teacher_path(teacher_from), SEQUENCES, runs_at)
    if warm and not start_from:
        for name, (_, sequences) in networks.weights("").items():
            if name != "teacher":
                warm_start(networks.network(name), teacher_path(teacher_from), sequences)


def load_trained_weights(networks: NetworkGroup, folder: str, spacing: float, teacher_from: str | None = None) -> None:
    """Fill the networks, in place, with the weights of a finished training, to evaluate them.

    Args:
        networks: teacher (if it takes part) and students.
        folder: where the training left its weights.
        spacing: voxel size in mm.
        teacher_from: a frozen teacher's folder or file, which the training did not write again.

    Raises:
        UserError: if weights are missing or do not fit.
    """
    for name, (path, sequences) in networks.weights(folder).items():
        if name in networks.frozen and teacher_from:
            path = teacher_path(teacher_from)
        load_weights(networks.network(name), path, sequences, spacing)


def set_output_prior(network: nn.Module, probability: float = 0.01) -> nn.Module:
    """Set the biases of a new network's output heads so that it first predicts every region with this probability.

    From random weights a network predicts one half everywhere. Cross-entropy then pushes all voxels down at once, and
    with few seeds the features that feed the heads die with them: the network stays empty (measured: 1 of 3 seeds of a
    FLAIR student at 3 mm; none of them with this start). Source: Lin et al. 2017 (arXiv:1708.02002), section 3.3.

    Args:
        network: a DynUNet, changed in place.
        probability: the first prediction, above 0 and below 1.

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

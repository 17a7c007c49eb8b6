# SPDX-License-Identifier: Apache-2.0
"""Where networks get their weights: earlier runs, a trained teacher, or a warm start from it."""

from scripts.errors import UserError
from scripts.sequences import SEQUENCES
from scripts.teacher_student import TappedNetworks
from scripts.weights import load_weights, teacher_path, warm_start

TEACHER_TRAINING = ("joint", "frozen", "none")
"""How the teacher takes part: trained in the same iterations, trained before and frozen, or not at all."""


def load_start(
    networks: TappedNetworks,
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
        warm: start the students from the trained teacher (`scripts.weights.warm_start`), not from random weights.

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


def load_trained(networks: TappedNetworks, folder: str, spacing: float, teacher_from: str | None = None) -> None:
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

# SPDX-License-Identifier: Apache-2.0
"""Refuses a loss with terms that need a teacher where there is none, before anything is simulated or trained."""

from scripts.common.errors import UserError
from scripts.losses.objective import Objective
from scripts.networks.teacher_student import NetworkGroup


def check_teacher(networks: NetworkGroup, objective: Objective) -> None:
    """Refuse terms that read a teacher's output in a training that has none; meant for a config's ``prepare`` list.

    Args:
        networks: those that are trained.
        objective: that of the config, with all its terms.

    Raises:
        UserError: naming the terms, and how to get a teacher or to leave the terms out.
    """
    way = networks.way_to_a_teacher()
    if way is None or not objective.needing_teacher:
        return
    keys = [f"objective#terms#{name}" for name in objective.needing_teacher]
    raise UserError(
        f"The loss needs a teacher's output in {' and '.join(keys)}, but this training has no teacher: {way}, or set "
        f"{'this key' if len(keys) == 1 else 'these keys'} to null in an overlay."
    )

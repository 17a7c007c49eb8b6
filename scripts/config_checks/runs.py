# SPDX-License-Identifier: Apache-2.0
"""Refuses a run that the config files do not have."""

import difflib

from monai.bundle import ConfigWorkflow
from scripts.common.errors import UserError
from scripts.config_checks.caller import on_the_stack

# The runs, and the config files that have them.
RUNS = {
    "training": "configs/train.json",
    "evaluating": "\"['configs/train.json','configs/evaluate.json']\"",
    "inference": "configs/inference.json",
}


def check_run() -> None:
    """Refuse a run that the config files do not have; meant for a config's ``initialize`` list.

    Raises:
        UserError: naming the nearest run, or the runs that there are.
    """
    caller = on_the_stack(ConfigWorkflow)
    run_id = getattr(caller, "run_id", None)
    if run_id is None or run_id in caller.parser:
        return
    runs = [run for run in RUNS if run in caller.parser]
    near = difflib.get_close_matches(run_id, runs, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"they have {' and '.join(repr(run) for run in runs)}."
    files = RUNS.get(run_id)
    raise UserError(
        f"The config files have no run '{run_id}': {hint}" + (f" '{run_id}' needs {files}." if files else "")
    )

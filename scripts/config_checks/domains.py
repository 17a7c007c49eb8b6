# SPDX-License-Identifier: Apache-2.0
"""Refuses the two domains of an unpaired training where one is missing, or there is nothing to adapt to."""

import os

from scripts.common.errors import UserError

ONE_PROCESS = "Unpaired recipes train in one process: start the run without torchrun."


def check_domains(source: dict, target: dict) -> None:
    """Refuse a run that lacks a domain or labels that its recipe needs, or in which there is nothing to adapt to.

    Args:
        source, target: these tables of the config.

    Raises:
        UserError: no folder, the same folder on both sides, wrong or missing ``target#labels``, wrong
            ``target#subjects``, or several processes.
    """
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        raise UserError(ONE_PROCESS)
    for name, table in (("source", source), ("target", target)):
        if table["dataset_dir"] is None:
            raise UserError(
                f"{name}#dataset_dir is null: give the folder of the {name}'s scans with --{name}#dataset_dir."
            )
    if os.path.abspath(source["dataset_dir"]) == os.path.abspath(target["dataset_dir"]):
        nothing = ", and there is nothing to adapt to" if source["sequence"] == target["sequence"] else ""
        raise UserError(
            f"Source and target are the same folder, {target['dataset_dir']}, but no patient may be in both{nothing}: "
            "give another folder for one of them."
        )
    labels, subjects = target["labels"], target["subjects"]
    if labels not in ("none", "all") and not _are_subjects(labels):
        raise UserError(
            f"target#labels is {labels!r}, but must be none, all, a number of patients above 0, or a list of subjects."
        )
    if subjects is not None and not _are_subjects(subjects):
        raise UserError(
            f"target#subjects is {subjects!r}, but must be null for all, a number of patients above 0, or a list of "
            "subjects."
        )
    if target["needs_labels"] and labels == "none":
        raise UserError("This recipe needs some labels of the target: set target#labels to a number, a list, or all.")


def _are_subjects(wanted) -> bool:
    """Whether a key names subjects: by a number of patients, or by a list that is not empty."""
    return type(wanted) is int and wanted > 0 or isinstance(wanted, list) and bool(wanted)

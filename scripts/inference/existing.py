# SPDX-License-Identifier: Apache-2.0
"""Which subjects still need a label map, and which files of the output's folder a run may not replace."""

import logging
import os
from pathlib import Path

from scripts.common.choices import EXISTING
from scripts.common.errors import UserError
from scripts.common.files import remove_leftovers
from scripts.common.label_map_state import (
    EDITED,
    FOREIGN,
    MADE,
    MISSING,
    OUTDATED,
    label_map_path,
    probabilities_path,
    record_path,
    state_of,
    state_of_probabilities,
)
from scripts.common.printable import some_of
from scripts.common.read_record import read_record
from scripts.common.sequences import SEQUENCES, nifti_stem
from scripts.common.weights import weights_sha256
from scripts.data.item_files import file_of, other_scans
from scripts.inference.table import recorded_problems

logger = logging.getLogger(__name__)


def pending_subjects(
    items: list[dict], output_dir: str | Path, existing: str = "overwrite", probabilities: bool = False
) -> list[dict]:
    """The datalist items to segment: all, or with ``existing="skip"`` those without a finished label map.

    Args:
        items: from `scripts.data.datalist.subjects_in`.
        output_dir, probabilities: as of `scripts.inference.save_segmentation.SaveImageAndRecordd`. If probabilities are
            asked for, subjects without them are segmented again, unless their label map was changed since.
        existing: ``overwrite`` or ``skip``.

    Raises:
        UserError: another value of ``existing``.
    """
    if existing not in EXISTING:
        raise UserError(f"existing is {existing!r}, but must be one of {', '.join(EXISTING)}.")
    if existing == "overwrite":
        return items
    maps = {item["subject"]: label_map_path(output_dir, item["subject"]) for item in items}
    pending = [item for item in items if _is_pending(maps[item["subject"]], probabilities)]
    names = {item["subject"] for item in pending}
    kept = [item for item in items if item["subject"] not in names]
    without = [i["subject"] for i in kept if probabilities and state_of_probabilities(maps[i["subject"]]) == MISSING]
    if without:
        logger.warning(
            "The label maps of %s were changed after inference and are kept, so they get no probabilities.",
            some_of(without),
        )
    changed = [item["subject"] for item in kept if _is_newer(item, maps[item["subject"]])]
    if changed:
        logger.warning(
            "The scans of %s are newer than the label maps, which are kept: replace these with --existing overwrite if the "
            "scans were changed.",
            some_of(changed),
        )
    return pending


def _is_pending(label_map: Path, probabilities: bool) -> bool:
    state = state_of(label_map)
    lacking = probabilities and state == MADE and state_of_probabilities(label_map) != MADE
    return lacking or state in (MISSING, OUTDATED)


def _is_newer(item: dict, label_map: Path) -> bool:
    """Whether a scan of the item was written after the label map, whose record does not tell its scans."""
    if (read_record(record_path(label_map)) or {}).get("scans_sha256"):
        return False
    made = os.path.getmtime(label_map)
    files = [file_of(item[name]) for name in SEQUENCES if name in item]
    return any(os.path.isfile(file) and os.path.getmtime(file) > made for file in files)


def refuse_overwrite(
    items: list[dict],
    output_dir: str | Path,
    existing: str,
    settings: dict,
    weight_files: list[str] | None,
    probabilities: bool = False,
) -> None:
    """Check, before anything is computed, that a run may write its label maps into ``output_dir``.

    Temporary files of killed runs are removed from it. The log warns of label maps of other scans that are replaced.

    Args:
        items: all subjects of the run, those to skip included.
        output_dir, existing, probabilities: as of `pending_subjects`.
        settings: keys of the run that change the label map.
        weight_files: weight files of items without their own (``network``); None if each item has its own.

    Raises:
        UserError: a file that inference did not make or that was changed since would be overwritten
            (`check_overwrite`), or a label map would be skipped that inference did not make, or that was made with
            other settings or other weights, so that the folder would hold both kinds, or of other scans.
    """
    remove_leftovers(output_dir)
    recorded_problems(output_dir)  # raises if the table that lies there is somebody's own
    replaced = []
    for item in items:
        path = label_map_path(output_dir, item["subject"])
        record = read_record(record_path(path)) or {}
        state = state_of(path) if existing == "skip" else None
        if existing == "overwrite" and path.exists() and other_scans(item, record.get("scans_sha256") or {}):
            replaced.append(path.name)
        if state in (MADE, EDITED):
            _check_same_run(path, record, settings, [item["network"]] if "network" in item else weight_files or [])
            _check_same_scans(path, record, item)
        if state not in (MADE, EDITED) or (probabilities and state == MADE):
            check_overwrite(path, probabilities)
    if replaced:
        logger.warning(
            "%s in %s will be replaced, though made of other scans: if these are of another patient of the same name, "
            "choose another --output_dir.",
            some_of(replaced),
            output_dir,
        )


def check_overwrite(label_map: Path, probabilities: bool = False) -> None:
    """Refuse to overwrite a label map, or a file with the name of its record, that inference did not make.

    Args:
        label_map: its path.
        probabilities: whether the file of the probabilities would be overwritten, too.

    Raises:
        UserError: naming the file; also if the label map was changed after inference.
    """
    if state_of(label_map) == EDITED:
        raise UserError(edited_label_map(label_map))
    record = record_path(label_map)
    twin = label_map.with_name(nifti_stem(label_map.name) + (".nii" if label_map.name.endswith(".gz") else ".nii.gz"))
    if twin.exists() and record.exists():
        raise UserError(
            f"{twin} has the record {record.name}, which that of {label_map.name} would replace: choose another name for the "
            "output, or move both away."
        )
    found = [path for path in (label_map, record) if path.exists()]
    if found and read_record(record) is None:
        raise UserError(foreign_file(found[0], record))
    if probabilities and state_of_probabilities(label_map) == FOREIGN:
        raise UserError(foreign_file(probabilities_path(label_map), record))


def _check_same_run(path: Path, record: dict, settings: dict, weight_files: list[str]) -> None:
    """Raise if the label map's record names other settings or weights."""
    used = {network["sha256"]: network["file"] for network in record.get("networks") or [] if "sha256" in network}
    complete = weight_files and all(Path(file).is_file() for file in weight_files)  # else it is told when it is loaded
    if used and complete and used.keys() != {weights_sha256(file) for file in weight_files}:
        raise UserError(
            f"{path} was made with {', '.join(used.values())}, but this run uses {', '.join(weight_files)}, and these "
            "are other weights: choose another --output_dir, or replace all label maps with --existing overwrite."
        )
    before = record.get("settings", {})
    for name in sorted(before.keys() & settings.keys()):
        if before[name] != settings[name]:
            raise UserError(
                f"{path} was made with {name} {before[name]!r}, but this run has {settings[name]!r}: choose another "
                f"--output_dir, set --{name} {before[name]}, or replace all label maps with --existing overwrite."
            )


def _check_same_scans(path: Path, record: dict, item: dict) -> None:
    """Raise if the label map's record names other scans: another patient may have the same name."""
    if other := other_scans(item, record.get("scans_sha256") or {}):
        raise UserError(
            f"{path} is of another {other[0]} scan than {file_of(item[other[0]])}: if that is another patient, choose "
            f"another --output_dir; if the scan was changed, remove {path.name} or replace all label maps with "
            "--existing overwrite."
        )


def foreign_file(file: Path, record: Path) -> str:
    """The sentence about a file that inference did not make; `record` is the place of its record."""
    return (
        f"{file} exists and was not made by inference ({record.name} is not its record): choose another folder or name "
        "for the output, or move the file away."
    )


def edited_label_map(label_map: Path) -> str:
    """The sentence about a label map that was changed after inference."""
    return (
        f"{label_map} was changed after inference, so it is not overwritten: move it away, or choose another folder "
        "for the output."
    )

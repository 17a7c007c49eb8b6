# SPDX-License-Identifier: Apache-2.0
"""Brings the parts of a whole folder of label maps up to date: what a stopped run has not drawn, and who failed."""

from collections.abc import Mapping
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.label_map_state import (
    EDITED,
    MADE,
    MISSING,
    OUTDATED,
    label_map_of,
    label_map_path,
    label_maps_in,
    records_in,
    state_of,
)
from scripts.common.printable import TABLE
from scripts.common.read_record import read_record
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.inference.table import NO_MAP, recorded_problems, with_earlier_map, write_table
from scripts.report.drawing import draw_subject, identity
from scripts.report.label_map_record import recorded_facts
from scripts.report.parts import forget_failures, part_path, read_part, read_parts, read_picture, write_part
from scripts.report.run_info import read_run


def draw_missing(
    output_dir, items: Mapping[str, Mapping], label_convention: str | None, foreign: bool, slices: int
) -> None:
    """Write the missing and outdated parts of all label maps in a folder, as a stopped run leaves them.

    A part is outdated if it has no picture or one of other slices, or if the label map or its label convention has
    changed since. A label map that cannot be used becomes a failed subject, and so does a record whose label map is not
    there. A subject that the latest run could not segment keeps its failure beside the picture.

    Args:
        output_dir: folder of the segmentations.
        items: datalist items by subject; without one there is no picture.
        label_convention: of label maps without a record; by default that of the old part, or else the item's.
        foreign: also draw label maps that have neither a record nor a part: other software made them.
        slices: see `scripts.report.picture.picture`.
    """
    parts = Path(output_dir) / "report"
    for subject, record in records_in(output_dir).items():
        path = label_map_of(record)
        if path == label_map_path(output_dir, subject) and state_of(path) in (MISSING, OUTDATED):
            if read_record(record) is not None and not (read_part(parts, subject) or {}).get("failed"):
                write_part(parts, {"subject": subject, "failed": f"{subject}: {NO_MAP}"})
    for subject, path in label_maps_in(output_dir).items():
        if (state := state_of(path)) == OUTDATED:
            continue
        part = read_part(parts, subject)
        item = {"label_convention": "brats"} | dict(items.get(subject, {})) | {"subject": subject}
        drawn = (part or {}).get("label_map", {})
        item["label_convention"] = label_convention or drawn.get("label_convention", item["label_convention"])
        failed = _failure_of_the_run(part)
        if part is None or (failed and "volumes_ml" not in part):
            wanted = state in (MADE, EDITED) or (foreign and not failed)
        else:
            wanted = "note" in part or part.get("slices") != slices
            wanted = wanted or drawn != identity(path, recorded_facts(path), item)
        if wanted:
            draw_subject(output_dir, item, failed and with_earlier_map(output_dir, subject, failed), slices)


def _failure_of_the_run(part: Mapping | None) -> str | None:
    """The failure in a part, unless it is that of drawing a label map that cannot be used."""
    while_drawing = part is not None and "label_map" in part and "volumes_ml" not in part
    return None if part is None or while_drawing else part.get("failed")


def mark_failed(output_dir, subject: str, sentence: str) -> None:
    """Write into a subject's part that the run could not segment it; the picture of an earlier label map stays."""
    parts = Path(output_dir) / "report"
    facts = read_part(parts, subject) or {}
    if "volumes_ml" not in facts or state_of(label_map_path(output_dir, subject)) in (MISSING, OUTDATED):
        write_part(parts, {"subject": subject, "failed": sentence})
    else:
        facts["failed"] = with_earlier_map(output_dir, subject, sentence)
        write_part(parts, facts, read_picture(parts, subject))


def draw_folder(output_dir, dataset_dir=None, label_convention: str | None = None, slices: int | None = None) -> None:
    """`draw_missing` with the scans of the run and, if given, those of another folder; the table of an inference too.

    Args:
        output_dir: folder of the label maps.
        dataset_dir: folder of scans; only with it, label maps that other software made are drawn too.
        label_convention: of those label maps, of `LABEL_CONVENTIONS`; by default as the subjects' names tell.
        slices: see `scripts.report.picture.picture`; by default as in the run.

    Raises:
        UserError: the dataset folder does not exist or is not understood, or the report is of an evaluation.
    """
    run = read_run(output_dir)
    if run["kind"] == "evaluation":
        if dataset_dir or slices:
            raise UserError(
                f"{output_dir} holds an evaluation, which draws its own pictures: leave --dataset_dir and --slices out, or "
                "put the label maps into another folder."
            )
        return
    scans = scans_of(run, dataset_dir, label_convention)
    problems = _problems(Path(output_dir))
    if problems or records_in(output_dir):
        write_table(output_dir, problems)
    forget_failures(Path(output_dir) / "report")
    for subject, sentence in problems.items():
        mark_failed(output_dir, subject, sentence)
    draw_missing(output_dir, scans, label_convention, foreign=bool(dataset_dir), slices=slices or run["slices"])


def scans_of(run: Mapping, dataset_dir=None, label_convention: str | None = None) -> dict[str, Mapping]:
    """Datalist items by subject: those of a run (`read_run`), and before them those of a folder of scans."""
    items = []
    if dataset_dir:
        items = subjects_in(dataset_dir, SEQUENCES, labelled=False, label_convention=label_convention)
    return run["scans"] | {item["subject"]: item for item in items}


def _problems(output_dir: Path) -> dict[str, str]:
    """Why subjects could not be segmented, by the later one of the table and the subject's part."""
    table, parts = output_dir / TABLE, output_dir / "report"
    written = table.stat().st_mtime_ns if table.is_file() else 0
    problems = recorded_problems(output_dir)
    for facts in read_parts(parts):
        subject = facts["subject"]
        if part_path(parts, subject).stat().st_mtime_ns > written:
            problems.pop(subject, None)
            if failed := _failure_of_the_run(facts):
                problems[subject] = failed
    return {subject: message for subject, message in problems.items() if not message.endswith(NO_MAP)}

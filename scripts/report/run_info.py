# SPDX-License-Identifier: Apache-2.0
"""What the report says about the run as a whole, ``report/run.json``. A page is about one kind of run only."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import free_path
from scripts.common.json_files import read_json, save_json
from scripts.common.printable import PAGE
from scripts.common.read_record import current_names
from scripts.common.sequences import SEQUENCES
from scripts.report.parts import remove_parts
from scripts.report.picture import MOST_SLICES, SLICES

logger = logging.getLogger(__name__)


def read_run(output_dir) -> dict:
    """``kind``, ``facts``, ``expected``, ``scans`` and ``slices`` of the latest run into the folder, see `write_run`.

    Without ``run.json``, the kind is evaluation if there is a ``cases.csv``, else inference.
    """
    file = Path(output_dir) / "report" / "run.json"
    run = _read(file) if file.is_file() else {}
    kind = "evaluation" if (Path(output_dir) / "cases.csv").is_file() else "inference"
    run = {"kind": kind, "facts": {}, "expected": None, "scans": {}, "slices": SLICES} | run
    return run | {"scans": {subject: current_names(item) for subject, item in run["scans"].items()}}


def _read(file: Path) -> dict:
    try:
        run = read_json(file)
        tables = all(isinstance(item, dict) for item in (run.get("facts", {}), *run.get("scans", {}).values()))
        valid = tables and run.get("kind", "inference") in ("inference", "evaluation")
        valid = valid and isinstance(run.get("expected"), (str, type(None)))
        valid = valid and type(slices := run.get("slices", SLICES)) is int and 1 <= slices <= MOST_SLICES
    except (ValueError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise UserError(f"{file} is not what a run wrote: remove it, and run again.")
    return run


def write_run(
    output_dir,
    kind: str,
    facts: Mapping[str, object],
    expected=None,
    scans: Mapping[str, Mapping] | None = None,
    slices: int = SLICES,
) -> None:
    """Write ``<output_dir>/report/run.json``.

    Args:
        output_dir: folder of the results.
        kind: "inference" or "evaluation".
        facts: settings of the run; values that JSON does not know are written as text.
        expected: path of the table of expected accuracy, or None.
        scans: datalist items by subject, so that pictures that a stopped run has not drawn can be drawn later.
        slices: in each plane of a picture.
    """
    keep = {"subject", "label_convention", *SEQUENCES}
    items = {name: {key: item[key] for key in item if key in keep} for name, item in (scans or {}).items()}
    content = {"kind": kind, "facts": dict(facts), "expected": None if expected is None else os.path.abspath(expected)}
    content |= {"scans": items, "slices": slices}
    save_json(Path(output_dir) / "report" / "run.json", content, default=str)


def set_aside_other_report(output_dir, kind: str) -> None:
    """Before a run of this kind: if the folder has a report of the other kind, rename its page and remove its parts.

    The page becomes ``report_inference.html`` or ``report_evaluation.html``; it is complete without the parts. A
    ``report.html`` that no run has made becomes ``report_other.html``. Where such a file exists, a number is added.
    """
    output_dir, earlier = Path(output_dir), read_run(output_dir)["kind"]
    if (output_dir / PAGE).is_file() and not any((output_dir / "report").glob("*")):
        _rename_page(output_dir, "page that no run has made", "report_other.html")
    if earlier == kind:
        return
    if (output_dir / PAGE).is_file():
        _rename_page(output_dir, f"report of an earlier {earlier}", f"report_{earlier}.html")
    remove_parts(output_dir / "report")


def _rename_page(output_dir: Path, what: str, name: str) -> None:
    to = free_path(output_dir / name)
    (output_dir / PAGE).rename(to)
    logger.warning(f"{output_dir} has the {what}: it is kept as {to.name}.")

# SPDX-License-Identifier: Apache-2.0
"""Whose run a report is of: kept beside its parts, so that a page tells of one kind of run only."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from scripts.common.files import save_atomically
from scripts.common.sequences import SEQUENCES
from scripts.report.parts import forget

PAGE = "report.html"

logger = logging.getLogger(__name__)


def read_run(output_dir) -> dict:
    """``kind``, ``facts``, ``expected`` and ``scans`` of the folder's latest run, as `write_run` kept them.

    Where nothing was kept, the kind is told by what lies in the folder.
    """
    file = Path(output_dir) / "report" / "run.json"
    run = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    kind = "evaluation" if (Path(output_dir) / "cases.csv").is_file() else "inference"
    return {"kind": kind, "facts": {}, "expected": None, "scans": {}} | run


def write_run(
    output_dir, kind: str, facts: Mapping[str, object], expected=None, scans: Mapping[str, Mapping] | None = None
) -> None:
    """Keep what the page says of the run in ``<output_dir>/report/run.json``.

    Args:
        output_dir: folder of the results.
        kind: "inference" or "evaluation".
        facts: settings, any values; what JSON does not know is written as text.
        expected: path of the expected accuracy, or None.
        scans: datalist items by subject, from which pictures that a stopped run has not drawn are drawn later.
    """
    keep = {"subject", "label_convention", *SEQUENCES}
    items = {name: {key: item[key] for key in item if key in keep} for name, item in (scans or {}).items()}
    content = {"kind": kind, "facts": dict(facts), "expected": None if expected is None else str(expected)}
    text = json.dumps(content | {"scans": items}, indent=4, default=str) + "\n"
    save_atomically(Path(output_dir) / "report" / "run.json", lambda file: file.write_text(text, encoding="utf-8"))


def make_room(output_dir, kind: str) -> None:
    """Before a run of this kind: set the page of a run of the other kind aside, and forget its pictures.

    The page needs nothing beside it, so that it is whole as ``report_inference.html`` or ``report_evaluation.html``.
    """
    output_dir, earlier = Path(output_dir), read_run(output_dir)["kind"]
    if earlier == kind:
        return
    aside = output_dir / f"report_{earlier}.html"
    if (output_dir / PAGE).is_file():
        (output_dir / PAGE).replace(aside)
        logger.warning(f"{output_dir} has the report of an earlier {earlier}: it is kept as {aside.name}.")
    forget(output_dir / "report")

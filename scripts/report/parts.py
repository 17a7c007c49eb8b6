# SPDX-License-Identifier: Apache-2.0
"""What a run keeps for its report: a file per subject, so that a stopped run loses nothing and memory stays flat."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import save_atomically

ENDING = ".html.part"


def part_path(folder, subject: str) -> Path:
    """``<folder>/<subject>.html.part``."""
    return Path(folder) / f"{subject}{ENDING}"


def write_part(folder, record: dict, picture: str = "") -> None:
    """Keep one subject: its facts as one line of JSON, then its picture's HTML; replaced at once.

    Args:
        folder: ``<output_dir>/report``.
        record: JSON values, with ``subject``.
        picture: HTML, or nothing.
    """
    text = json.dumps(record) + "\n" + picture
    save_atomically(part_path(folder, record["subject"]), lambda file: file.write_text(text, encoding="utf-8"))


def read_records(folder) -> Iterator[dict]:
    """The facts of every kept subject, in the order of their names; no picture is read.

    Raises:
        UserError: a file that is no part of a report.
    """
    for path in sorted(Path(folder).glob(f"*{ENDING}")):
        if not path.name.startswith("."):  # of a run that is writing just now, or was killed
            yield _facts(path)


def read_part(folder, subject: str) -> dict | None:
    """The facts of one kept subject, None if there are none; raises like `read_records`."""
    path = part_path(folder, subject)
    return _facts(path) if path.is_file() else None


def _facts(path: Path) -> dict:
    with path.open(encoding="utf-8") as file:
        try:
            record = json.loads(file.readline())
            record["subject"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{path} is no part of a report: remove it, and run again.") from None
        return record


def copy_picture(folder, subject: str, out) -> None:
    """Append a subject's picture to the open text file ``out``; nothing where it has none."""
    path = part_path(folder, subject)
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            file.readline()
            shutil.copyfileobj(file, out)


def forget(folder, failed_only: bool = False) -> None:
    """Remove the kept subjects of an earlier run, or those of them that could not be done."""
    for record in list(read_records(folder)):
        if not failed_only or record.get("failed"):
            part_path(folder, record["subject"]).unlink(missing_ok=True)

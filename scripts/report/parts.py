# SPDX-License-Identifier: Apache-2.0
"""A part of the report: one subject's facts and picture, ``<subject>.html.part``, written as soon as it is done."""

import json
from collections.abc import Container, Iterator
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import save_text
from scripts.common.read_record import current_names
from scripts.common.sequences import SEQUENCES

ENDING = ".html.part"


def part_path(folder, subject: str) -> Path:
    """``<folder>/<subject>.html.part``."""
    return Path(folder) / f"{subject}{ENDING}"


def write_part(folder, facts: dict, picture: str = "") -> None:
    """Write one subject's part: its facts as one line of JSON, then the HTML of its picture.

    Args:
        folder: ``<output_dir>/report``.
        facts: JSON values; ``subject`` is required, ``failed`` is the reason why a subject could not be done. With
            ``volumes_ml`` the label map of an earlier run is there all the same.
        picture: HTML, or nothing.
    """
    text = json.dumps(facts) + "\n" + picture
    save_text(part_path(folder, facts["subject"]), text)


def read_parts(folder) -> Iterator[dict]:
    """The facts of every part, ordered by subject; pictures are not read.

    Raises:
        UserError: a file that is not a part.
    """
    for path in sorted(Path(folder).glob(f"*{ENDING}")):
        if not path.name.startswith("."):  # a temporary file of a run that is writing now, or was killed
            yield _read_facts(path)


def read_part(folder, subject: str) -> dict | None:
    """The facts of one subject, None if it has no part; raises like `read_parts`."""
    path = part_path(folder, subject)
    return _read_facts(path) if path.is_file() else None


def read_picture(folder, subject: str) -> str:
    """The HTML of a subject's picture, empty where it has none."""
    path = part_path(folder, subject)
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8") as file:
        file.readline()
        return file.read()


def remove_parts(folder) -> None:
    """Remove the parts of an earlier run."""
    for facts in list(read_parts(folder)):
        part_path(folder, facts["subject"]).unlink(missing_ok=True)


def forget_failures(folder, subjects: Container[str] | None = None) -> None:
    """Take the failures out of the parts of an earlier run, and remove parts in which nothing else is left.

    Args:
        folder: ``<output_dir>/report``.
        subjects: names of those whose failures are forgotten, by default all.
    """
    for facts in list(read_parts(folder)):
        if (subjects is not None and facts["subject"] not in subjects) or facts.pop("failed", None) is None:
            continue
        if "volumes_ml" in facts:
            write_part(folder, facts, read_picture(folder, facts["subject"]))
        else:
            part_path(folder, facts["subject"]).unlink(missing_ok=True)


def _read_facts(path: Path) -> dict:
    try:
        with path.open(encoding="utf-8") as file:
            facts = json.loads(file.readline())
        if not _is_part(facts, path.name.removesuffix(ENDING)):
            raise TypeError
    except (ValueError, OSError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} is not a part of a report: remove it, and run again.") from None
    return facts | ({"label_map": current_names(facts["label_map"])} if "label_map" in facts else {})


def _is_part(facts: dict, subject: str) -> bool:
    """Whether the facts are of this subject and have the kinds of values that `scripts.report.drawing` writes."""
    texts = [facts.get(key) or "" for key in ("failed", "note", "network")]
    lists = [facts.get(key) or [] for key in ("sequences", "flags")]
    volumes = facts.get("volumes_ml") or {}
    return (
        facts["subject"] == subject
        and isinstance(facts.get("label_map", {}), dict)
        and isinstance(facts.get("slices"), (int, type(None)))
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists)
        and all(isinstance(ml, (int, float)) for ml in volumes.values())
        and {*(facts.get("sequences") or [])} <= {*SEQUENCES}
    )

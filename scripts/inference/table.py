# SPDX-License-Identifier: Apache-2.0
"""The table of a folder of label maps, ``segmentations.csv``, made from the records that lie in it."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from ignite.engine import Engine, Events
from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.label_map_state import EDITED, MADE, label_map_of, label_map_path, records_in, state_of
from scripts.common.printable import TABLE
from scripts.common.read_record import read_record
from scripts.common.titles import OUTERMOST_FIRST

EARLIER_MAP = " The label map in the folder is of an earlier run."
EDITED_MAP = "the label map was changed after inference"
NO_MAP = "a run was stopped before it saved the label map, or the label map was removed: segment the subject again."


# What spreadsheets would run as a formula; a ' before it makes it a text. One more ' keeps apart what has one already.
_FORMULA, _QUOTED = re.compile(r"'*[=+\-@\t\r]"), re.compile(r"'+[=+\-@\t\r]")


class WriteTable:
    """Handler that writes the table when an inference ends, before the report, or when an error ends it.

    Problems of subjects that are not in this run are kept: they may be of another folder of scans.

    Args:
        output_dir: as of `scripts.inference.save_segmentation.SaveImageAndRecordd`.
        subjects: the run's datalist items.
    """

    def __init__(self, output_dir: str | Path, subjects: Iterable[Mapping] = ()) -> None:
        self.output_dir = output_dir
        self.subjects = {item["subject"] for item in subjects}

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.COMPLETED, self._write)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._write_and_raise)

    def _write(self, engine: Engine) -> None:
        before = recorded_problems(self.output_dir)
        kept = {subject: message for subject, message in before.items() if subject not in self.subjects}
        write_table(self.output_dir, kept | engine.failures)

    def _write_and_raise(self, engine: Engine, error: Exception) -> None:
        with contextlib.suppress(UserError):  # on a full disk the earlier table stays
            self._write(engine)
        raise error


def write_table(output_dir: str | Path, failures: Mapping[str, str]) -> None:
    """Write ``segmentations.csv``: one row for each record in the folder and for each subject that failed.

    Records of earlier runs into the same folder are included, so a batch that was stopped and resumed gives one table.
    A subject that failed keeps the volumes of a label map that an earlier run made. JSON files that are not records are
    ignored, and so are records under another name than the subject's, such as backup copies. A text that spreadsheets
    would run as a formula, such as a subject called ``=1+1``, has a ' before it.

    Args:
        output_dir: as of `scripts.inference.save_segmentation.SaveImageAndRecordd`.
        failures: error message by subject, for the column ``problem``.
    """
    rows = {}
    for subject, path in records_in(output_dir).items():
        record = read_record(path)
        if record is not None and record["subject"] == subject:
            rows[subject] = recorded_row(label_map_of(path), record)
    for subject, message in failures.items():
        row = rows.get(subject, _row({"subject": subject}))
        rows[subject] = row | {"problem": with_earlier_map(output_dir, subject, message)}
    table = pd.DataFrame(list(rows.values()), columns=list(_row({}))).sort_values("subject")
    table = table.map(_as_text)
    # a name that is no text of UTF-8 must not cost the table
    save_atomically(Path(output_dir) / TABLE, lambda file: table.to_csv(file, index=False, errors="backslashreplace"))


def with_earlier_map(output_dir: str | Path, subject: str, message: str) -> str:
    """The message about a subject that failed, with a sentence if an earlier run's label map lies in the folder."""
    there = state_of(label_map_path(output_dir, subject)) in (MADE, EDITED)
    return message + (EARLIER_MAP if there and not message.endswith(EARLIER_MAP) else "")


def recorded_row(label_map: Path, record: Mapping) -> dict:
    """The table's row of a record. It has no volumes if the record's own label map is not there."""
    state = state_of(label_map)
    if state == EDITED:
        return _row(record | {"flags": [*record.get("flags", []), EDITED_MAP]})
    if state != MADE:
        return _row({"subject": record["subject"]}) | {"problem": f"{record['subject']}: {NO_MAP}"}
    return _row(record)


def recorded_problems(output_dir: str | Path) -> dict[str, str]:
    """The messages of the table that lies in the folder, by subject, without those that a later label map answers."""
    path = Path(output_dir) / TABLE
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else None
        problems = {} if table is None else dict(zip(table["subject"].map(_plain), table["problem"].map(_plain)))
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} is not the table of an inference: move it away, and run again.") from error
    return {
        subject: message
        for subject, message in problems.items()
        if message
        and not message.endswith(NO_MAP)
        and (message.endswith(EARLIER_MAP) or state_of(label_map_path(output_dir, subject)) not in (MADE, EDITED))
    }


def _as_text(cell):
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _plain(cell: str) -> str:
    """The text of a cell that `_as_text` has made."""
    return cell[1:] if _QUOTED.match(cell) else cell


def _row(record: Mapping) -> dict:
    record = {key: value for key, value in record.items() if value is not None}
    volumes, quality = record.get("volumes_ml", {}), record.get("quality", {})
    return {
        "subject": record.get("subject"),
        "sequences": "+".join(record.get("sequences", [])),
        "network": " ".join(Path(network["file"]).name for network in record.get("networks", [])),
        **{f"{region}_ml": volumes.get(region) for region in OUTERMOST_FIRST},
        "entropy_bits": quality.get("entropy_bits"),
        "wt_mirror_disagreement": (quality.get("mirror_disagreement") or {}).get("wt"),
        "et_contrast": quality.get("et_contrast"),
        "flags": "; ".join(record.get("flags", [])),
        "problem": None,
    }

# SPDX-License-Identifier: Apache-2.0
"""What a trial of `tests.robustness.load` has left in its folder, compared with what must be there."""

import os
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scripts.common.label_map_state import label_map_path
from scripts.common.metrics import voxel_ml
from scripts.common.printable import TABLE
from scripts.research.markdown import markdown_table

from tests.robustness.load_batch import BAD, Subject

# The subject after which the memory is compared with that at the end.
EARLY = 20
HEAD = ["trial", "right maps", "reasons", "table agrees", "hidden files", "memory in MB, early and at the end", "s"]


@dataclass
class Trial:
    """What one trial has left in its folder.

    Attributes:
        name: of the trial.
        right: good subjects whose label map equals that of the subject alone.
        told: bad subjects with a reason in the table and no label map.
        agreeing: rows of the table that agree with the files.
        hidden: hidden files in the folder.
        memory: largest resident memory in MB after `EARLY` subjects and at the end; None if it was not measured.
        seconds: duration.
        problems: what is not as it must be, a sentence each.
    """

    name: str
    right: int
    told: int
    agreeing: int
    hidden: int
    memory: tuple[float, float] | None
    seconds: float
    problems: list[str]


def checked(name: str, output: Path, batch: list[Subject], right: dict, seconds: float) -> Trial:
    """Compare a folder of label maps with what the subjects have when they are segmented alone.

    Args:
        name: of the trial.
        output: the folder.
        batch: the subjects.
        right: label map and affine by source and sequences.
        seconds: duration of the trial.
    """
    table = pd.read_csv(output / TABLE, dtype=str, keep_default_na=False).set_index("subject")
    problems, counts = [], dict.fromkeys(("right", "told", "agreeing"), 0)
    for subject in batch:
        path = label_map_path(output, subject.name)
        row = table.loc[subject.name] if subject.name in table.index else None
        label_map = nib.load(path) if os.path.isfile(path) else None
        found = [
            ("right", subject.bad is None and _equal(label_map, right[subject.source, subject.sequences])),
            ("told", subject.bad is not None and label_map is None and row is not None and bool(row["problem"])),
            ("agreeing", row is not None and _agrees(row, label_map)),
        ]
        wanted = ("agreeing", "right" if subject.bad is None else "told")
        for kind, holds in found:
            counts[kind] += bool(holds)
            if kind in wanted and not holds:
                problems.append(f"{subject.name} ({subject.bad or '+'.join(subject.sequences)}) is not {kind}.")
    if strangers := sorted(set(table.index) - {subject.name for subject in batch}):
        problems.append(f"The table has {strangers[0]!r}, which is no subject of the batch.")
    if table.index.has_duplicates:
        problems.append("The table has a subject twice.")
    hidden = [path for path in output.rglob(".*")]
    problems += [f"{path} is left." for path in hidden]
    return Trial(name, **counts, hidden=len(hidden), memory=_memory(output), seconds=seconds, problems=problems)


def _equal(label_map, right: tuple[np.ndarray, np.ndarray]) -> bool:
    if label_map is None:
        return False
    return np.array_equal(np.asarray(label_map.dataobj), right[0]) and np.allclose(label_map.affine, right[1])


def _agrees(row: pd.Series, label_map) -> bool:
    """Whether a row has a reason and no label map, or the volume of the label map."""
    if label_map is None or row["problem"]:
        return label_map is None and bool(row["problem"])
    ml = np.count_nonzero(label_map.dataobj) * voxel_ml(label_map.affine)
    return abs(float(row["wt_ml"]) - ml) < 2e-3


def _memory(output: Path) -> tuple[float, float] | None:
    measured = [int(line) / 1024 for line in Path(f"{output}.memory1").read_text().split()]
    return (measured[min(EARLY, len(measured)) - 1], measured[-1]) if measured else None


def report(trials: list[Trial], batch: list[Subject]) -> str:
    """A sentence, a Markdown table with a row for each trial, and the problems."""
    bad = sum(subject.bad is not None for subject in batch)
    good, kinds = len(batch) - bad, len({subject.bad for subject in batch} - {None})
    rows = [
        [
            trial.name,
            f"{trial.right} of {good}",
            f"{trial.told} of {bad}",
            f"{trial.agreeing} of {len(batch)}",
            str(trial.hidden),
            "" if trial.memory is None else f"{trial.memory[0]:.0f}, {trial.memory[1]:.0f}",
            f"{trial.seconds:.0f}",
        ]
        for trial in trials
    ]
    sentence = f"{len(batch)} subjects, {bad} of them bad, of {kinds} kinds ({len(BAD)} are known)."
    found = [f"{trial.name}: {problem}" for trial in trials for problem in trial.problems]
    return "\n".join([sentence, "", *markdown_table(HEAD, rows), *found])

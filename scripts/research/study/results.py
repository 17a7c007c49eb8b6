# SPDX-License-Identifier: Apache-2.0
"""The stored results of a study: one table of Dice for each part, one row per subject and region of each network."""

from pathlib import Path

import pandas as pd
from scripts.common.errors import UserError
from scripts.common.files import copy_file, save_text
from scripts.common.json_files import read_json
from scripts.common.sequences import REGIONS, SEQUENCES, subset_name
from scripts.evaluation.summary import read_cases
from scripts.research.real_subjects import with_patients
from scripts.research.study.plan import Cell, Plan

CELL = ["arm", "subset", "seed", "fold"]
COLUMNS = [*CELL, "network", "subject", "patient", "region", "dice", "hd95_mm", "true_ml", "predicted_ml"]
TRAINING_COLUMNS = ["part", *CELL, "steps", "seconds", "cores", "ratios", "version", "amp", "plan"]
TRAININGS = "study_trainings.csv"
_TEXT = {
    "arm": str,
    "subset": str,
    "network": str,
    "subject": str,
    "patient": str,
    "region": str,
    "part": str,
    "plan": str,
    "ratios": str,
    "version": str,
    "amp": bool,
}
# Networks beside the students, which keep their names.
OTHERS = ("teacher", "assistant", "ensemble")
# Beside a cell's weights: the plan's hash, and steps, seconds, cores, gradient ratios, version and amp of its training.
FACTS = "facts.json"
# What a training that translates scans leaves beside them (`scripts.unpaired.picture`).
PICTURE = "translation.png"


def table_path(results: str | Path, part: str) -> Path:
    """Where the results of a part are stored."""
    return Path(results) / f"study_{part}.csv"


def read_table(path: str | Path, columns: list[str] = COLUMNS) -> pd.DataFrame:
    """Read a table of results, or of `TRAININGS`; without rows if the file does not exist.

    Raises:
        UserError: it lacks columns.
    """
    if not Path(path).is_file():
        return pd.DataFrame(columns=columns)
    table = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values={"hd95_mm": [""], "seconds": [""]})
    if missing := [column for column in columns if column not in table]:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: remove it and run the study again.")
    return table[columns]


def picture_path(results: str | Path, part: str, arm: str) -> Path:
    """Where the picture of an arm's training is stored."""
    return Path(results) / "study_pictures" / part / f"{arm}.png"


def pending(plan: Plan, part: str, results: str | Path) -> list[Cell]:
    """The cells of a part without stored results.

    Raises:
        UserError: a cell's results are of another plan.
    """
    trainings = read_table(Path(results) / TRAININGS, TRAINING_COLUMNS)
    hashes = dict(zip(trainings[["part", *CELL]].itertuples(index=False, name=None), trainings.plan))
    left = []
    for cell in plan.cells(part):
        stored = hashes.get((part, *cell.key))
        if stored is None:
            left.append(cell)
        elif stored != plan.hash(cell):
            raise UserError(
                f"{table_path(results, part)} has results of {cell.name}, but the plan of this cell has changed: undo "
                f"the change, or remove that file and the part's lines in {TRAININGS}."
            )
    return left


def collect(plan: Plan, part: str, results: str | Path) -> None:
    """Add the finished cells of a part to its table and to `TRAININGS`.

    Cells that were finished with another plan are left out. With ``pictures`` in the part, that of each arm's first
    training is kept.

    Raises:
        UserError: a fold was measured on other subjects than those stored.
    """
    rows, trainings = [], []
    for cell in pending(plan, part, results):
        output = plan.output(cell)
        facts = read_json(output / FACTS) if (output / FACTS).is_file() else {}
        if facts.get("plan") == plan.hash(cell):
            cases = with_patients(read_cases(output / "evaluation" / "cases.csv"), plan.same_patient(part))
            rows.append(rows_of(cell, cases))
            trainings.append({"part": part} | dict(zip(CELL, cell.key)) | facts)
            picture, to = output / PICTURE, picture_path(results, part, cell.arm)
            if plan.parts[part].get("pictures") and picture.is_file() and not to.is_file():
                copy_file(picture, to)
    if not rows:
        return
    order = ["arm", "subset", "seed", "fold", "network", "subject", "region"]
    new_trainings = [pd.DataFrame(trainings).astype({"seconds": float})]
    tables = {}
    for path, columns, new, by in (
        (table_path(results, part), COLUMNS, rows, order),
        (Path(results) / TRAININGS, TRAINING_COLUMNS, new_trainings, ["part", *CELL]),
    ):
        stored = read_table(path, columns)
        table = pd.concat([stored, *new] if len(stored) else new)
        # a run that was killed between the two tables has stored the first already
        tables[path] = table.drop_duplicates(by, keep="last").sort_values(by, kind="stable")[columns]
    _check_folds(table_path(results, part), tables[table_path(results, part)])
    for path, table in tables.items():
        text = table.to_csv(index=False, float_format="%.4f")
        save_text(path, text)


def _check_folds(path: Path, table: pd.DataFrame) -> None:
    """Every arm must be measured on the same subjects of a fold."""
    subjects = table.groupby(["fold", "arm"]).subject.agg(frozenset)
    for fold, own in subjects.groupby("fold"):
        if own.nunique() > 1:
            raise UserError(
                f"{path} would have other subjects of fold {fold} for {own.index[-1][1]} than for {own.index[0][1]}, so "
                "they cannot be compared: give both the same folders of subjects."
            )


def rows_of(cell: Cell, cases: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cell from its cases.csv; every network that is not one of `OTHERS` is called ``student``."""
    other = cases.network.isin(OTHERS)
    subset = cases.sequences.map(subset_name) if cell.subset is None else cell.subset
    table = cases.assign(arm=cell.arm, subset=subset, seed=cell.seed, fold=cell.fold)
    table["network"] = cases.network.where(other, "student")
    table.loc[table.network == "teacher", "subset"] = subset_name(SEQUENCES)
    return table[table.region.isin(REGIONS)][COLUMNS]

# SPDX-License-Identifier: Apache-2.0
"""An evaluation of the 15 networks on two subjects, small enough to average on paper."""

from itertools import product

import pandas as pd
import pytest
from scripts.evaluation.summary import write_cases
from scripts.research.accuracy.evaluation import SUBSETS, TEACHER, Evaluation

# Of each student on the subjects a and b; a has no enhancing tumour. The teacher is better by .1 on both.
DICE = {"wt": (0.6, 0.8), "tc": (0.4, 0.6), "et": (0.0, 0.5)}


def _row(subject: str, subset: str, region: str) -> dict:
    dice = DICE[region]["ab".index(subject)] + 0.1 * (subset == TEACHER)
    row = {"subject": subject, "network": "student", "sequences": subset, "region": region, "dice": dice}
    row |= {"hd95_mm": 3.0, "true_ml": 10.0, "predicted_ml": 12.0, "empty": "", "dice_cleaned": dice}
    if subject == "a" and region == "et":
        row |= {"dice": 0.0, "hd95_mm": float("nan"), "true_ml": 0.0, "predicted_ml": 0.4}
        row |= {"empty": "truth", "dice_cleaned": 1.0}
    return row | {"hd95_mm_cleaned": row["hd95_mm"]}


@pytest.fixture
def cases() -> pd.DataFrame:
    """The rows of cases.csv; the subsets in another order than that of the tables."""
    return pd.DataFrame([_row(*key) for key in product("ab", reversed(SUBSETS), ("tc", "wt", "et"))])


@pytest.fixture
def evaluation_of(tmp_path):
    """A function that stores cases and reads them as an `Evaluation`."""

    def store(cases: pd.DataFrame, collection: str | None = None) -> Evaluation:
        write_cases(tmp_path / "cases.csv", cases)
        return Evaluation(tmp_path / "cases.csv", collection, resamples=200)

    return store


@pytest.fixture
def evaluation(cases, evaluation_of) -> Evaluation:
    """The cases as they are."""
    return evaluation_of(cases)


@pytest.fixture
def rows_of():
    """A function that gives the cells of each row of a markdown table by its first cell."""

    def rows(lines: list[str]) -> dict[str, list[str]]:
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {row[0]: row[1:] for row in cells[2:]}

    return rows

# SPDX-License-Identifier: Apache-2.0
"""The table cases.csv and what is said about it: means, 95% bootstrap intervals, paired differences, summary.json.

``python -m scripts.evaluation.summary eval/cases.csv`` makes summary.json and evaluation.png anew from the stored cases.
"""

import argparse
import json
import math
from pathlib import Path

import pandas as pd

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.common.metrics import RULES
from scripts.common.sequences import REGIONS
from scripts.evaluation.bootstrap import bootstrap_interval, describe, paired_difference
from scripts.evaluation.figures import evaluation_figure

MEASURES = ("dice", "hd95_mm", "dice_cleaned", "hd95_mm_cleaned", "predicted_minus_true_ml")
_TEXT = ("subject", "network", "sequences", "region", "empty")
COLUMNS = _TEXT[:4] + ("dice", "hd95_mm", "true_ml", "predicted_ml", "empty", "dice_cleaned", "hd95_mm_cleaned")
ENTROPY = "wt_entropy_bits"
"""A further column, of the rows of WT, that older files lack: how unsure the network was (`scripts.inference.quality`)."""


def write_cases(path, cases: pd.DataFrame | list[dict]) -> None:
    """Write rows with `COLUMNS` and `ENTROPY` as CSV, six decimals, undefined values empty; the file is replaced at
    once."""
    save_atomically(
        Path(path),
        lambda file: file.write_text(
            pd.DataFrame(cases, columns=[*COLUMNS, ENTROPY]).to_csv(index=False, float_format="%.6f"), encoding="utf-8"
        ),
    )


def read_cases(path) -> pd.DataFrame:
    """Read cases.csv: text columns as text ("00006" keeps its zeros), undefined values as NaN.

    Raises:
        UserError: when the file does not exist or lacks columns.
    """
    numeric = [column for column in (*COLUMNS, ENTROPY) if column not in _TEXT]
    try:
        cases = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str) | dict.fromkeys(numeric, float),
            keep_default_na=False,
            na_values={column: [""] for column in numeric},
        )
    except FileNotFoundError:
        raise UserError(f"There is no {path}: run `evaluating` first, which writes it.") from None
    if missing := [column for column in COLUMNS if column not in cases]:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: it is not a cases.csv of `evaluating`.")
    return cases if ENTROPY in cases else cases.assign(**{ENTROPY: math.nan})


def _per_subject(cases: pd.DataFrame) -> pd.DataFrame:
    """One line per subject, sorted; columns (network, region, measure); region "mean" is the mean Dice of the three."""
    twice = cases[cases.duplicated(["subject", "network", "region"])]
    if len(twice):
        raise UserError(f"Subject {twice.iloc[0].subject} is in the cases twice for one network: names must differ.")
    cases = cases.assign(predicted_minus_true_ml=cases.predicted_ml - cases.true_ml)
    means = cases.groupby(["subject", "network"], as_index=False)[["dice", "dice_cleaned"]].mean()
    cases = pd.concat([cases, means.assign(region="mean")])
    wide = cases.pivot(index="subject", columns=["network", "region"], values=list(MEASURES))
    return wide.reorder_levels([1, 2, 0], axis=1).sort_index()


def summarise(cases: pd.DataFrame, seed: int = 0, resamples: int = 10_000) -> dict:
    """Summary of a table with `COLUMNS` (of `read_cases`), over subjects.

    Returns:
        ``subjects`` (number), ``networks[network]`` with ``sequences`` and ``regions[region][measure]`` (`describe`;
        measures are `MEASURES`, regions are tc, wt, et and "mean", the subject's mean Dice of the three) and
        ``empty`` (how often each kind of emptiness was met), and, where both were evaluated,
        ``student_minus_teacher[region][measure]`` (`paired_difference`). Undefined values are NaN.

    Raises:
        UserError: when there are no cases or one subject stands there twice.
    """
    if cases.empty:
        raise UserError("There is not one evaluated case to summarise: check that the datalist has subjects.")
    table = _per_subject(cases)
    ends = pd.DataFrame(bootstrap_interval(table, seed, resamples), columns=table.columns)
    measures_of = dict.fromkeys(REGIONS, MEASURES) | {"mean": ("dice", "dice_cleaned")}
    networks = {}
    for network, rows in cases.groupby("network", sort=False):
        evaluated, regions = table.index.isin(rows.subject), {}
        for region, measures in measures_of.items():
            keys = [(network, region, measure) for measure in measures]
            regions[region] = {key[2]: describe(table.loc[evaluated, key], ends[key]) for key in keys}
            if region in REGIONS:
                kinds = rows.loc[rows.region == region, "empty"]
                regions[region]["empty"] = {
                    kind: int((kinds == kind).sum()) for kind in ("both", "truth", "prediction")
                }
        networks[network] = {"sequences": rows.sequences.iloc[0], "regions": regions}
    result = {"subjects": len(table), "networks": networks}
    if {"teacher", "student"} <= networks.keys():
        result["student_minus_teacher"] = {
            region: {
                measure: paired_difference(
                    table["student", region, measure], table["teacher", region, measure], seed, resamples
                )
                for measure in measures
            }
            for region, measures in measures_of.items()
        }
    return result


def _plain(value):
    """Values as they stand in JSON: numbers with six decimals, undefined ones null, since JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(float(value), 6) if math.isfinite(value) else None
    return value


def write_summary(path, cases: pd.DataFrame, settings: dict | None = None, seed: int = 0, resamples: int = 10_000):
    """Write summary.json: the rules, the settings of the evaluation and `summarise`; undefined numbers are null.

    Returns:
        the dictionary of `summarise`.
    """
    summary = summarise(cases, seed, resamples)
    bootstrap = {"method": "percentile over subjects, 95%", "seed": seed, "resamples": resamples}
    content = {"settings": settings or {}, "rules": RULES, "bootstrap": bootstrap} | summary
    # settings may hold paths and devices: their names will do
    save_atomically(
        Path(path),
        lambda file: file.write_text(
            json.dumps(_plain(content), indent=2, allow_nan=False, default=str) + "\n", encoding="utf-8"
        ),
    )
    return summary


def main(arguments: list[str] | None = None) -> None:
    """Make summary.json and evaluation.png anew beside a stored cases.csv; the settings of the old summary are kept."""
    parser = argparse.ArgumentParser(prog="python -m scripts.evaluation.summary", description=main.__doc__)
    parser.add_argument("cases", type=Path, help="the cases.csv that `evaluating` wrote")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap (default 10000)")
    options = parser.parse_args(arguments)
    cases = read_cases(options.cases)
    summary = options.cases.with_name("summary.json")
    settings = json.loads(summary.read_text(encoding="utf-8")).get("settings") if summary.exists() else None
    write_summary(summary, cases, settings, options.seed, options.resamples)
    evaluation_figure(cases, options.cases.with_name("evaluation.png"))


if __name__ == "__main__":
    install_error_hook()
    main()

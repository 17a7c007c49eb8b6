# SPDX-License-Identifier: Apache-2.0
"""The table cases.csv and its summary: means, 95% bootstrap intervals and paired differences, saved as summary.json.

``python -m scripts.evaluation.summary eval/cases.csv`` writes summary.json and evaluation.png again from stored cases.
"""

import argparse
import math
import os
from pathlib import Path

import pandas as pd
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_text
from scripts.common.json_files import read_json, save_json
from scripts.common.metrics import RULES
from scripts.common.namings import patient_of_subject
from scripts.common.sequences import REGIONS
from scripts.evaluation.bootstrap import bootstrap_interval, describe, paired_difference

MEASURES = ("dice", "hd95_mm", "dice_cleaned", "hd95_mm_cleaned", "predicted_minus_true_ml")
# Column with the network's uncertainty (`scripts.inference.quality.mean_entropy`), in the rows of the region wt.
ENTROPY = "wt_entropy_bits"
# Columns without which nothing can be computed.
REQUIRED = ("subject", "network", "sequences", "region", "dice")
# Columns of cases.csv; `scripts.common.metrics.case_measures` explains the measures.
COLUMNS = REQUIRED + (
    "hd95_mm",
    "true_ml",
    "predicted_ml",
    "empty",
    "dice_cleaned",
    "hd95_mm_cleaned",
    ENTROPY,
    "patient",
)
_TEXT = ("subject", "network", "sequences", "region", "empty", "patient")
_NUMERIC = tuple(column for column in COLUMNS if column not in _TEXT)


def write_cases(path, cases: pd.DataFrame | list[dict]) -> None:
    """Write cases as CSV: `COLUMNS`, then any others; six decimals, undefined values empty. An old file is replaced."""
    table = _in_order(pd.DataFrame(cases))
    text = table.to_csv(index=False, float_format="%.6f")
    save_text(path, text)


def append_cases(path, cases: list[dict]) -> None:
    """Add rows to a CSV as `write_cases` writes it, which is made if missing. A killed process leaves whole rows.

    Raises:
        UserError: the file cannot be written; it stays as it was.
    """
    path = Path(path)
    text = _in_order(pd.DataFrame(cases)).to_csv(index=False, float_format="%.6f", header=not path.exists())
    size = path.stat().st_size if path.exists() else 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        if path.exists():
            os.truncate(path, size)
        raise UserError(
            f"{path} cannot be written ({error.strerror}): make room, or correct its permissions."
        ) from error


def read_cases(path) -> pd.DataFrame:
    """Read cases.csv, also of other versions: missing columns are NaN, unknown ones are kept behind `COLUMNS`.

    Text columns are read as text ("00006" keeps its zeros), undefined values as NaN. A missing patient is the one of the
    subject's name (`scripts.common.namings.patient_of_subject`).

    Raises:
        UserError: the file does not exist, is no table, lacks a column of `REQUIRED`, or has an impossible value.
    """
    try:
        header = pd.read_csv(path, nrows=0).columns
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run `evaluating` first, which writes it.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is not a table ({error}): give the cases.csv of `evaluating`.") from error
    if missing := [column for column in REQUIRED if column not in header]:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: it is not a cases.csv of `evaluating`.")
    try:
        cases = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str) | dict.fromkeys(_NUMERIC, float),
            index_col=False,
            keep_default_na=False,
            na_values={column: [""] for column in header if column not in _TEXT},
        )
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): evaluate again, or restore it.") from error
    _check_cases(path, cases)
    cases = _in_order(cases)
    named = cases.subject.map(patient_of_subject)
    return cases.assign(patient=cases.patient.where(cases.patient.fillna("") != "", named))


def is_cases(path) -> bool:
    """Whether a file is a cases.csv, by its columns."""
    try:
        return {*REQUIRED} <= {*pd.read_csv(path, nrows=0).columns}
    except (ValueError, OSError):
        return False


def is_summary(path) -> bool:
    """Whether a file is a summary.json that `write_summary` has written."""
    try:
        return {"networks", "bootstrap"} <= read_json(path).keys()
    except (ValueError, OSError, AttributeError):
        return False


def _check_cases(path, cases: pd.DataFrame) -> None:
    """Refuse regions that nothing measures, and a Dice outside 0 to 1; NaN is an undefined one."""
    if unknown := sorted(set(cases.region) - {*REGIONS}):
        raise UserError(
            f"{path} has the region {unknown[0]!r}, not only {', '.join(REGIONS)}: evaluate again, or restore it."
        )
    dice = cases.dice[cases.dice.notna()]
    if not dice.between(0, 1).all():
        raise UserError(
            f"{path} has a Dice of {dice[~dice.between(0, 1)].iloc[0]:g}: evaluate again, or restore the file."
        )


def _in_order(cases: pd.DataFrame) -> pd.DataFrame:
    return cases.reindex(columns=[*COLUMNS, *(column for column in cases if column not in COLUMNS)])


def _per_subject(cases: pd.DataFrame) -> pd.DataFrame:
    """One row per subject, sorted; columns (network, region, measure); region "mean" is the mean Dice of the three."""
    repeated = cases[cases.duplicated(["subject", "network", "region"])]
    if len(repeated):
        raise UserError(f"Subject {repeated.iloc[0].subject} is in the cases twice for one network: names must differ.")
    cases = cases.assign(predicted_minus_true_ml=cases.predicted_ml - cases.true_ml)
    means = cases.groupby(["subject", "network"], as_index=False)[["dice", "dice_cleaned"]].mean()
    cases = pd.concat([cases, means.assign(region="mean")])
    wide = cases.pivot(index="subject", columns=["network", "region"], values=list(MEASURES))
    return wide.reorder_levels([1, 2, 0], axis=1).sort_index()


def summarise(cases: pd.DataFrame, seed: int = 0, resamples: int = 10_000) -> dict:
    """Summary over subjects of a table from `read_cases`; intervals are over patients (`scripts.evaluation.bootstrap`).

    Returns:
        ``subjects`` and ``patients`` (numbers) and ``networks[network]`` with ``sequences`` and ``regions[region]``:
        `describe` for each measure of `MEASURES`, and ``empty``, the number of empty regions of each kind. Regions are
        tc, wt, et and "mean", the subject's mean Dice of the three. If both were evaluated,
        ``student_minus_teacher[region][measure]`` is the `paired_difference`. Undefined values are NaN.

    Raises:
        UserError: there are no cases, a subject occurs twice, a region is lacking, or impossible arguments.
    """
    if cases.empty:
        raise UserError("There are no evaluated cases to summarise: check that the datalist has subjects.")
    if seed < 0 or resamples < 1:
        raise UserError(
            f"seed is {seed} and resamples {resamples}: give a seed of at least 0 and at least one resample."
        )
    for network, regions in cases.groupby("network").region:
        if lacking := [region for region in REGIONS if region not in set(regions)]:
            raise UserError(f"The cases of the network {network} lack the region {lacking[0]}: evaluate it again.")
    table = _per_subject(cases)
    patients = cases.groupby("subject").patient.first()[table.index]
    ends = pd.DataFrame(bootstrap_interval(table, seed, resamples, patients), columns=table.columns)
    measures_of = dict.fromkeys(REGIONS, MEASURES) | {"mean": ("dice", "dice_cleaned")}
    networks = {}
    for network, rows in cases.groupby("network", sort=False):
        evaluated, regions = table.index.isin(rows.subject), {}
        for region, measures in measures_of.items():
            keys = [(network, region, measure) for measure in measures]
            regions[region] = {key[2]: describe(table.loc[evaluated, key], ends[key]) for key in keys}
            if region in REGIONS:
                regions[region]["empty"] = _empty_counts(rows.loc[rows.region == region, "empty"])
        networks[network] = {"sequences": rows.sequences.iloc[0], "regions": regions}
    result = {"subjects": len(table), "patients": patients.nunique(), "networks": networks}
    if {"teacher", "student"} <= networks.keys():
        result["student_minus_teacher"] = {
            region: {
                measure: paired_difference(
                    table["student", region, measure], table["teacher", region, measure], seed, resamples, patients
                )
                for measure in measures
            }
            for region, measures in measures_of.items()
        }
    return result


def _empty_counts(kinds: pd.Series) -> dict[str, int | float]:
    """How often each kind of empty region occurs; NaN if the table does not tell."""
    known = kinds.notna().any()
    return {kind: int((kinds == kind).sum()) if known else math.nan for kind in ("both", "truth", "prediction")}


def _json_values(value):
    """Numbers with six decimals, undefined ones as None, since JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _json_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_values(item) for item in value]
    if isinstance(value, float):
        return round(float(value), 6) if math.isfinite(value) else None
    return value


def write_summary(
    path, cases: pd.DataFrame, settings: dict | None = None, seed: int = 0, resamples: int = 10_000
) -> dict:
    """Write summary.json: the rules, the settings of the evaluation and `summarise`; undefined numbers are null.

    Returns:
        the dictionary of `summarise`.
    """
    summary = summarise(cases, seed, resamples)
    bootstrap = {"method": "percentile over patients, 95%", "seed": seed, "resamples": resamples}
    content = {"settings": settings or {}, "rules": RULES, "bootstrap": bootstrap} | summary
    # settings may hold paths and devices, which are written as text
    save_json(path, _json_values(content), indent=2, allow_nan=False, default=str)
    return summary


def _settings_in(summary: Path) -> dict | None:
    if not is_summary(summary):
        raise UserError(f"{summary} is not the summary of an evaluation: move it away, and run again.")
    return read_json(summary).get("settings")


def main(arguments: list[str] | None = None) -> None:
    """Write summary.json and evaluation.png again beside a stored cases.csv, with the settings of the old summary."""
    from scripts.evaluation.figures import evaluation_figure  # statistics alone do not need matplotlib

    parser = argparse.ArgumentParser(prog="python -m scripts.evaluation.summary", description=main.__doc__)
    parser.add_argument("cases", type=Path, help="the cases.csv that `evaluating` wrote")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap (default 10000)")
    options = parser.parse_args(arguments)
    cases = read_cases(options.cases)
    summary = options.cases.with_name("summary.json")
    settings = _settings_in(summary) if summary.exists() else None
    write_summary(summary, cases, settings, options.seed, options.resamples)
    evaluation_figure(cases, options.cases.with_name("evaluation.png"))


if __name__ == "__main__":
    install_error_hook()
    main()

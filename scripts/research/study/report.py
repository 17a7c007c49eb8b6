# SPDX-License-Identifier: Apache-2.0
"""The study's page, docs/study.md, and its figure, made from the stored cells: ``python -m scripts.research.study.report``."""

import argparse
import json
import math
import os
from pathlib import Path

import pandas as pd

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.research.markdown import counted
from scripts.research.study.figure import DATASET_TITLES, gain_figure, recipe_label
from scripts.research.study.statistics import (
    ABLATION,
    CONTROL,
    DATASETS,
    ROWS,
    cell_files,
    dice_of_subjects,
    gains,
    levels,
    load_cells,
    teachers_of,
)
from scripts.research.study.tables import ablation_table, detail_tables, span_of, summary_table, teacher_table

FOLDER, PAGE, FIGURE = "docs/study", "docs/study.md", "docs/study.png"
_READING = """\
- Dice and HD95 (mm) are means over subjects of each subject's mean over the seeds; "mean" is a subject's mean Dice of
  WT, TC and ET. HD95 is undefined where truth or prediction is empty: such values are left out and counted, one a
  subject and seed. Nothing is post-processed.
- Gain is the student's Dice minus that of the control's student on the same subject, setting and seed, averaged over
  seeds (and settings) first, then over subjects. In brackets its 95% bootstrap interval over subjects; **bold** where
  that excludes zero.
- "New seeds too" is the 95% interval when the seeds are drawn anew as well as the subjects: nearer to what another
  training would give, and with few seeds still somewhat too narrow. "Single seeds" are the smallest and the largest
  gain of one seed.
- p is Wilcoxon's signed rank test over subjects, two-sided, not corrected for the number of comparisons."""

_ENSEMBLE = """\
- An ensemble averages student and teacher, so it needs the teacher's sequences too: it is no student of its setting."""


def _facts(folder) -> pd.DataFrame:
    """Each cell and, as far as its JSON file tells: steps, seconds, parameters and name of its frozen teacher."""
    lines = []
    for cell, path in cell_files(folder):
        path, facts = path.with_suffix(".json"), {}
        if path.exists():
            try:
                facts = dict(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise UserError(f"{path} is not a JSON object ({error}): delete it or make its cell anew.") from error
        numbers = {key: facts.get(key) for key in ("steps", "seconds", "parameters")}
        numbers = {key: value if type(value) in (int, float) else math.nan for key, value in numbers.items()}
        lines.append(cell | numbers | {"teacher": facts.get("teacher") or ""})
    return pd.DataFrame(lines).astype({"steps": float, "seconds": float, "parameters": float})


def _frozen_teachers(facts: pd.DataFrame, of_teachers: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """Dice by (dataset, recipe, region) of the trained teacher that a recipe's cells name, where it was measured."""
    known = {(line.dataset, line.recipe, line.region): line.dice for line in of_teachers.itertuples()}
    named = facts[facts.teacher != ""].drop_duplicates(["dataset", "recipe"])
    keys = [(line, region, (line.dataset, line.teacher, region)) for line in named.itertuples() for region in ROWS]
    return {(line.dataset, line.recipe, region): known[key] for line, region, key in keys if key in known}


def relative_cost(facts: pd.DataFrame) -> dict[str, float]:
    """Training time of each recipe on simulated subjects over the control's, in the settings and seeds of both."""
    known = facts[(facts.dataset == DATASETS[0]) & facts.seconds.notna()]
    seconds = known.pivot(index=["setting", "seed"], columns="recipe", values="seconds")
    costs = {}
    for recipe in sorted(set(seconds) - {CONTROL}) if CONTROL in seconds else ():
        both = seconds[[CONTROL, recipe]].dropna()
        if len(both):
            costs[recipe] = both[recipe].sum() / both[CONTROL].sum()
    return dict(sorted(costs.items(), key=lambda item: item[1]))


def _how_it_was_run(facts: pd.DataFrame, cells: pd.DataFrame, teachers: set) -> list[str]:
    """One line per dataset, only of what the cells tell, and the sum of the time."""
    lines = ["## How it was run", ""]
    subjects = cells.groupby("dataset").subject.nunique()
    facts = facts.assign(is_teacher=[key in teachers for key in zip(facts.dataset, facts.recipe)])
    for dataset in (*DATASETS, ABLATION):
        everything = facts[facts.dataset == dataset]
        rows = everything[~everything.is_teacher]
        parts = []
        if len(rows):
            kind = "variant" if dataset == ABLATION else "recipe"
            seeds = sorted(rows.seed.unique())
            named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
            parts.append(
                f"{counted(len(rows), 'cell')} ({counted(rows.recipe.nunique(), kind)}, "
                f"{counted(rows.setting.nunique(), 'setting')}, {named})"
            )
            if rows.steps.notna().any():
                parts.append(f"{span_of(rows.steps, 1, '.0f')} steps a cell")
            if rows.parameters.notna().any():
                parts.append(f"{span_of(rows.parameters, 1e6, '.2f')} million parameters")
        if len(rows) < len(everything):
            taught = everything[everything.is_teacher]
            steps = f" ({span_of(taught.steps, 1, '.0f')} steps)" if taught.steps.notna().any() else ""
            parts.append(counted(taught.recipe.nunique(), "trained teacher") + steps)
        if parts:
            parts.append(counted(subjects[dataset], "test subject"))
            lines.append(f"- {DATASET_TITLES.get(dataset, dataset)}: {', '.join(parts)}")
    if costs := relative_cost(facts):
        lines.append(
            "- training time, control = 1: " + ", ".join(f"{recipe_label(r)} {c:.2f}" for r, c in costs.items())
        )
    if (known := facts.seconds.notna()).any():
        where = "" if known.all() else f", as far as the cells tell it ({known.sum()} of {len(facts)})"
        lines.append(f"- time: {facts.seconds.sum() / 3600:.1f} core-hours{where}")
    return [*lines, ""]


def _prose(folder, name: str) -> str:
    path = Path(folder, name)
    return path.read_text(encoding="utf-8").strip("\n") if path.exists() else ""


def write_report(folder=FOLDER, path=PAGE, figure=FIGURE, seed: int = 0, resamples: int = 10_000) -> None:
    """Write the page and its figure from the stored cells: the same files give the same bytes.

    ``introduction.md`` and ``conclusion.md`` of the folder stand before and after the tables as they are; an
    introduction that starts with a heading of the first level is the page's title too.

    Args:
        folder: of the cells, see `scripts.research.study.statistics`. A cell's facts stand beside it as .json; of these
            ``steps``, ``seconds`` (of one core) and ``parameters`` are told, where there are any.
        path: the page, markdown.
        figure: the picture; neither written nor linked as long as no recipe can be compared with the control.
        seed, resamples: of the bootstraps.

    Raises:
        UserError: when there is no cell or one cannot be read.
    """
    path, figure = Path(path), Path(figure)
    cells, facts = load_cells(folder), _facts(folder)
    dice = dice_of_subjects(cells)
    teachers = teachers_of(dice)
    dice = dice[[key not in teachers for key in zip(dice.dataset, dice.recipe)]]
    level = levels(cells, seed, resamples).reset_index()
    taught = pd.Series([key in teachers for key in zip(level.dataset, level.recipe)], dtype=bool)
    of_teachers, level = level[taught].drop_duplicates(["dataset", "recipe", "region"]), level[~taught]
    indexed = gains(dice, seed, resamples)
    table = indexed.reset_index()
    introduction, conclusion = _prose(folder, "introduction.md"), _prose(folder, "conclusion.md")
    lines = [] if introduction.startswith("# ") else ["# Study", ""]
    lines += [introduction, ""] if introduction else []
    lines += _how_it_was_run(facts, cells, teachers)
    lines += ["## How to read the tables", "", _READING]
    lines += [_ENSEMBLE, ""] if (dice.network == "ensemble").any() else [""]
    if gain_figure(indexed, figure):
        link = Path(os.path.relpath(figure.resolve(), path.resolve().parent)).as_posix()
        lines += [f"![Gain in mean Dice over the control, per recipe and setting]({link})", ""]
    frozen = _frozen_teachers(facts, of_teachers)
    for dataset in (name for name in DATASETS if (cells.dataset == name).any()):
        lines += summary_table(dice, table, dataset) + teacher_table(of_teachers, dataset)
        lines += detail_tables(level, table, dataset, frozen)
    lines += ablation_table(dice, table)
    lines += [conclusion, ""] if conclusion else []
    defaults = {"folder": FOLDER, "output": PAGE, "figure": FIGURE, "seed": 0, "resamples": 10_000}
    given = dict(zip(defaults, (Path(folder).as_posix(), path.as_posix(), figure.as_posix(), seed, resamples)))
    options = "".join(f" --{name} {value}" for name, value in given.items() if value != defaults[name])
    lines += ["---", "", f"Made from the stored cells by `python -m scripts.research.study.report{options}`."]
    save_atomically(path, lambda file: file.write_text("\n".join(lines) + "\n", encoding="utf-8"))


def main(arguments: list[str] | None = None) -> None:
    """Make the study's page and figure anew from the stored cells; nothing is trained or evaluated."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.study.report", description=main.__doc__)
    parser.add_argument("--folder", default=FOLDER, help=f"of the cells (default {FOLDER})")
    parser.add_argument("--output", default=PAGE, help=f"the page (default {PAGE})")
    parser.add_argument("--figure", default=FIGURE, help=f"the picture (default {FIGURE})")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstraps (default 0)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstraps (default 10000)")
    options = parser.parse_args(arguments)
    write_report(options.folder, options.output, options.figure, options.seed, options.resamples)


if __name__ == "__main__":
    install_error_hook()
    main()

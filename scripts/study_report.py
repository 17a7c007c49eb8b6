# SPDX-License-Identifier: Apache-2.0
"""The study's page, docs/study.md, and its figure, made from the stored cells: ``python -m scripts.study_report``."""

import argparse
import json
import math
import os
from pathlib import Path

import pandas as pd

from scripts.errors import UserError, speak_plainly
from scripts.files import save_atomically
from scripts.study_figure import DATASET_TITLES, gain_figure, recipe_label
from scripts.study_statistics import (
    ABLATION,
    ALL_SETTINGS,
    CONTROL,
    DATASETS,
    ROWS,
    cell_files,
    control_of,
    dice_of_subjects,
    gains,
    levels,
    load_cells,
    pair,
    setting_order,
    teachers_of,
)

FOLDER, PAGE, FIGURE = "docs/study", "docs/study.md", "docs/study.png"
DASH = "–"  # where there is no number
_REGION_NAMES = {"wt": "WT", "tc": "TC", "et": "ET", "mean": "mean"}
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


def _number(value, form: str = ".3f") -> str:
    """A number as the tables write it, a dash where there is none, no minus before a zero."""
    if value is None or math.isnan(value):
        return DASH
    text = format(value, form)
    return text.replace("-", "+" if "+" in form else "") if float(text) == 0 else text


def _span(low: float, high: float, form: str = "+.3f") -> str:
    return DASH if math.isnan(low) else f"[{_number(low, form)}, {_number(high, form)}]"


def _bold(text: str, low: float, high: float) -> str:
    return f"**{text}**" if low > 0 or high < 0 else text


def _gain(line) -> str:
    """Gain with its interval over subjects, bold where that excludes zero."""
    return f"{_bold(_number(line.gain, '+.3f'), line.low, line.high)} {_span(line.low, line.high)}"


def _spread(line) -> list[str]:
    """What follows a gain: the interval over seeds and subjects, p, the range of the single seeds."""
    seeds = f"{_number(min(line.by_seed), '+.3f')} to {_number(max(line.by_seed), '+.3f')}"
    new_seeds = _bold(_span(line.two_low, line.two_high), line.two_low, line.two_high)
    return [new_seeds, _number(line.p, "#.2g"), seeds if len(line.by_seed) > 1 else DASH]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


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


def _range(values: pd.Series, scale: float, form: str) -> str:
    ends = dict.fromkeys(format(end / scale, form) for end in (values.min(), values.max()))
    return " to ".join(ends)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
                f"{_count(len(rows), 'cell')} ({_count(rows.recipe.nunique(), kind)}, "
                f"{_count(rows.setting.nunique(), 'setting')}, {named})"
            )
            if rows.steps.notna().any():
                parts.append(f"{_range(rows.steps, 1, '.0f')} steps a cell")
            if rows.parameters.notna().any():
                parts.append(f"{_range(rows.parameters, 1e6, '.2f')} million parameters")
        if len(rows) < len(everything):
            taught = everything[everything.is_teacher]
            steps = f" ({_range(taught.steps, 1, '.0f')} steps)" if taught.steps.notna().any() else ""
            parts.append(_count(taught.recipe.nunique(), "trained teacher") + steps)
        if parts:
            parts.append(_count(subjects[dataset], "test subject"))
            lines.append(f"- {DATASET_TITLES.get(dataset, dataset)}: {', '.join(parts)}")
    if (known := facts.seconds.notna()).any():
        where = "" if known.all() else f", as far as the cells tell it ({known.sum()} of {len(facts)})"
        lines.append(f"- time: {facts.seconds.sum() / 3600:.1f} core-hours{where}")
    return [*lines, ""]


def _left_out(dice: pd.DataFrame, dataset: str) -> list[str]:
    """What the gains of a dataset do not count, and why, one line per recipe."""
    notes, control = [], control_of(dice, dataset)
    cells_of_control = set(zip(control.setting, control.seed))
    students = dice[(dice.dataset == dataset) & (dice.network == "student")]
    for recipe, rows in students.groupby("recipe"):
        name = recipe_label(recipe)
        alone = sorted(set(zip(rows.setting, rows.seed)) - cells_of_control, key=lambda c: (setting_order(c[0]), c[1]))
        block = pair(rows, control)
        if block is None:
            notes.append(f"{name} has no gain: the control shares no setting, seed and subject with it yet.")
            continue
        if alone:
            listed = ", ".join(f"{setting} seed {seed}" for setting, seed in alone)
            notes.append(f"{name}: not counted in any gain, since the control has no such cell: {listed}.")
        unused = sorted(set(rows[rows.setting.isin(block.settings)].seed) - set(block.seeds))
        unused = [seed for seed in unused if any((setting, seed) in cells_of_control for setting in block.settings)]
        if unused and dataset != ABLATION:
            listed = ", ".join(map(str, unused))
            notes.append(f"{name}: not in the row over all settings, since not in every setting: seed {listed}.")
        if lost := rows.subject.nunique() - len(block.subjects):
            notes.append(f"{name}: {_count(lost, 'subject')} not in every cell of it and of the control, left out.")
    return [f"- {note}" for note in notes] + [""] * bool(notes)


def _summary(dice: pd.DataFrame, table: pd.DataFrame, dataset: str) -> list[str]:
    """One row per recipe over all its settings: the control first, then by gain."""
    lines = [f"## {DATASET_TITLES[dataset][0].upper()}{DATASET_TITLES[dataset][1:]}", ""]
    chosen = table[(table.dataset == dataset) & (table.setting == ALL_SETTINGS)]
    wide = chosen.pivot(index=["recipe", "network"], columns="region", values="dice")
    chosen = chosen[chosen.region == "mean"].assign(
        first=lambda rows: (rows.recipe == CONTROL) & (rows.network == "student")
    )
    chosen = chosen.sort_values(["first", "gain", "recipe", "network"], ascending=[False, False, True, True])
    if len(chosen):
        usual = max(chosen.settings, key=len)
        lines += [f"Settings: {', '.join(usual)}. Subjects: {_range(chosen.subjects, 1, '.0f')}.", ""]
        rows = []
        for line in chosen.itertuples():
            settings = str(len(line.settings)) if line.settings == usual else ", ".join(line.settings)
            values = [_number(wide.loc[(line.recipe, line.network), region]) for region in ROWS]
            gain = [DASH] * 4 if line.first else [_gain(line), *_spread(line)]
            rows.append([recipe_label(line.recipe, line.network), settings, str(len(line.seeds)), *values, *gain])
        head = ["recipe", "settings", "seeds", *(f"Dice {name}" for name in _REGION_NAMES.values())]
        lines += [*_table([*head, "gain of the mean Dice [95%]", "new seeds too", "p", "single seeds"], rows), ""]
    return lines + _left_out(dice, dataset)


def _teacher_table(level: pd.DataFrame, dataset: str) -> list[str]:
    """One row per trained teacher; nothing where there is none."""
    chosen = level[level.dataset == dataset]
    if chosen.empty:
        return []
    wide = chosen.pivot(index="recipe", columns="region", values="dice")
    seeds = chosen.groupby("recipe").seeds.first()
    rows = [
        [recipe_label(recipe), str(seeds[recipe]), *(_number(wide.loc[recipe, region]) for region in ROWS)]
        for recipe in wide.index
    ]
    head = ["trained teacher, all sequences", "seeds", *(f"Dice {name}" for name in _REGION_NAMES.values())]
    return [*_table(head, rows), ""]


def _detail(level: pd.DataFrame, table: pd.DataFrame, dataset: str, frozen: dict) -> list[str]:
    """One folded table per setting: every recipe and region.

    Args:
        level: of `levels`, without the trained teachers.
        table: of `gains`.
        dataset: one of `DATASETS`.
        frozen: Dice of the trained teacher by (dataset, recipe, region), for recipes whose own cells have no teacher.
    """
    lines = []
    here = level[level.dataset == dataset]
    head = ["recipe", "seeds", "region", "Dice", "HD95 (undefined)", "teacher's Dice", "gain [95%]", "p"]
    gain_lines = {
        (line.recipe, line.network, line.setting, line.region): line
        for line in table[table.dataset == dataset].itertuples()
    }
    for setting in sorted(here.setting.unique(), key=setting_order):
        at = here[here.setting == setting]
        teachers = at[at.network == "teacher"].set_index(["recipe", "region"]).dice
        at = at[at.network.isin(["student", "ensemble"])]
        keys = sorted(set(zip(at.recipe, at.network)), key=lambda key: (key[0] != CONTROL, key[0], key[1] != "student"))
        values = {(line.recipe, line.network, line.region): line for line in at.itertuples()}
        rows = []
        for recipe, network in keys:
            for region in ROWS:
                line, gain = values[recipe, network, region], gain_lines.get((recipe, network, setting, region))
                first = region == ROWS[0]
                teacher = teachers.get((recipe, region), frozen.get((dataset, recipe, region), math.nan))
                undefined = f" ({line.undefined} of {line.values})" if line.undefined else ""
                compared = gain is not None and (recipe, network) != (CONTROL, "student")
                rows.append(
                    [recipe_label(recipe, network) if first else "", str(line.seeds) if first else ""]
                    + [_REGION_NAMES[region], _number(line.dice), _number(line.hd95_mm, ".1f") + undefined]
                    + [_number(teacher if network == "student" else math.nan)]
                    + ([_gain(gain), _number(gain.p, "#.2g")] if compared else [DASH, DASH])
                )
        # GitHub reads markdown inside <details> only after an empty line
        lines += ["<details>", f"<summary>{setting}, per region</summary>", "", *_table(head, rows), "", "</details>"]
        lines.append("")
    return lines


def _ablation(dice: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """One row per variant and setting, the largest gain first."""
    if not (dice.dataset == ABLATION).any():
        return []
    what = "Gain of the mean Dice on the simulated subjects over the study's control of the same setting and seeds."
    lines = ["## Ablation", "", what]
    chosen = table[(table.dataset == ABLATION) & (table.setting != ALL_SETTINGS) & (table.region == "mean")]
    chosen = chosen.assign(place=chosen.setting.map(setting_order))
    chosen = chosen.sort_values(["place", "gain", "recipe", "network"], ascending=[True, False, True, True])
    rows = [
        [recipe_label(line.recipe, line.network), line.setting, str(len(line.seeds))]
        + [_number(line.dice), _number(line.control), _gain(line), *_spread(line)]
        for line in chosen.itertuples()
    ]
    head = ["variant", "setting", "seeds", "mean Dice", "control", "gain [95%]", "new seeds too", "p", "single seeds"]
    return [*lines, "", *(_table(head, rows) + [""] if rows else []), *_left_out(dice, ABLATION)]


def _prose(folder, name: str) -> str:
    path = Path(folder, name)
    return path.read_text(encoding="utf-8").strip("\n") if path.exists() else ""


def write_report(folder=FOLDER, path=PAGE, figure=FIGURE, seed: int = 0, resamples: int = 10_000) -> None:
    """Write the page and its figure from the stored cells: the same files give the same bytes.

    ``introduction.md`` and ``conclusion.md`` of the folder stand before and after the tables as they are; an
    introduction that starts with a heading of the first level is the page's title too.

    Args:
        folder: of the cells, see `scripts.study_statistics`. A cell's facts stand beside it as .json; of these
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
        lines += _summary(dice, table, dataset) + _teacher_table(of_teachers, dataset)
        lines += _detail(level, table, dataset, frozen)
    lines += _ablation(dice, table)
    lines += [conclusion, ""] if conclusion else []
    defaults = {"folder": FOLDER, "output": PAGE, "figure": FIGURE, "seed": 0, "resamples": 10_000}
    given = dict(zip(defaults, (Path(folder).as_posix(), path.as_posix(), figure.as_posix(), seed, resamples)))
    options = "".join(f" --{name} {value}" for name, value in given.items() if value != defaults[name])
    lines += ["---", "", f"Made from the stored cells by `python -m scripts.study_report{options}`."]
    save_atomically(path, lambda file: file.write_text("\n".join(lines) + "\n", encoding="utf-8"))


def main(arguments: list[str] | None = None) -> None:
    """Make the study's page and figure anew from the stored cells; nothing is trained or evaluated."""
    parser = argparse.ArgumentParser(prog="python -m scripts.study_report", description=main.__doc__)
    parser.add_argument("--folder", default=FOLDER, help=f"of the cells (default {FOLDER})")
    parser.add_argument("--output", default=PAGE, help=f"the page (default {PAGE})")
    parser.add_argument("--figure", default=FIGURE, help=f"the picture (default {FIGURE})")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstraps (default 0)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstraps (default 10000)")
    options = parser.parse_args(arguments)
    write_report(options.folder, options.output, options.figure, options.seed, options.resamples)


if __name__ == "__main__":
    speak_plainly()
    main()

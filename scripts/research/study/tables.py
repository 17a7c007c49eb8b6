# SPDX-License-Identifier: Apache-2.0
"""The tables of the study's page, as lines of markdown, from its statistics."""

import math

import pandas as pd

from scripts.common.sequences import subset_order
from scripts.research.markdown import DASH, REGION_NAMES, bold, counted, markdown_table, number, span
from scripts.research.study.figure import DATASET_TITLES, recipe_label
from scripts.research.study.statistics import ABLATION, ALL_SETTINGS, CONTROL, ROWS, control_of, pair


def _gain(line) -> str:
    """Gain with its interval over subjects, bold where that excludes zero."""
    return f"{bold(number(line.gain, '+.3f'), line.low, line.high)} {span(line.low, line.high)}"


def _spread(line) -> list[str]:
    """What follows a gain: the interval over seeds and subjects, p, the range of the single seeds."""
    seeds = f"{number(min(line.by_seed), '+.3f')} to {number(max(line.by_seed), '+.3f')}"
    new_seeds = bold(span(line.two_low, line.two_high), line.two_low, line.two_high)
    return [new_seeds, number(line.p, "#.2g"), seeds if len(line.by_seed) > 1 else DASH]


def span_of(values: pd.Series, scale: float, form: str) -> str:
    ends = dict.fromkeys(format(end / scale, form) for end in (values.min(), values.max()))
    return " to ".join(ends)


def _left_out(dice: pd.DataFrame, dataset: str) -> list[str]:
    """What the gains of a dataset do not count, and why, one line per recipe."""
    notes, control = [], control_of(dice, dataset)
    cells_of_control = set(zip(control.setting, control.seed))
    students = dice[(dice.dataset == dataset) & (dice.network == "student")]
    for recipe, rows in students.groupby("recipe"):
        name = recipe_label(recipe)
        alone = sorted(set(zip(rows.setting, rows.seed)) - cells_of_control, key=lambda c: (subset_order(c[0]), c[1]))
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
            notes.append(f"{name}: {counted(lost, 'subject')} not in every cell of it and of the control, left out.")
    return [f"- {note}" for note in notes] + [""] * bool(notes)


def summary_table(dice: pd.DataFrame, table: pd.DataFrame, dataset: str) -> list[str]:
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
        lines += [f"Settings: {', '.join(usual)}. Subjects: {span_of(chosen.subjects, 1, '.0f')}.", ""]
        rows = []
        for line in chosen.itertuples():
            settings = str(len(line.settings)) if line.settings == usual else ", ".join(line.settings)
            values = [number(wide.loc[(line.recipe, line.network), region]) for region in ROWS]
            gain = [DASH] * 4 if line.first else [_gain(line), *_spread(line)]
            rows.append([recipe_label(line.recipe, line.network), settings, str(len(line.seeds)), *values, *gain])
        head = ["recipe", "settings", "seeds", *(f"Dice {name}" for name in REGION_NAMES.values())]
        lines += [
            *markdown_table([*head, "gain of the mean Dice [95%]", "new seeds too", "p", "single seeds"], rows),
            "",
        ]
    return lines + _left_out(dice, dataset)


def teacher_table(level: pd.DataFrame, dataset: str) -> list[str]:
    """One row per trained teacher; nothing where there is none."""
    chosen = level[level.dataset == dataset]
    if chosen.empty:
        return []
    wide = chosen.pivot(index="recipe", columns="region", values="dice")
    seeds = chosen.groupby("recipe").seeds.first()
    rows = [
        [recipe_label(recipe), str(seeds[recipe]), *(number(wide.loc[recipe, region]) for region in ROWS)]
        for recipe in wide.index
    ]
    head = ["trained teacher, all sequences", "seeds", *(f"Dice {name}" for name in REGION_NAMES.values())]
    return [*markdown_table(head, rows), ""]


def detail_tables(level: pd.DataFrame, table: pd.DataFrame, dataset: str, frozen: dict) -> list[str]:
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
    for setting in sorted(here.setting.unique(), key=subset_order):
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
                    + [REGION_NAMES[region], number(line.dice), number(line.hd95_mm, ".1f") + undefined]
                    + [number(teacher if network == "student" else math.nan)]
                    + ([_gain(gain), number(gain.p, "#.2g")] if compared else [DASH, DASH])
                )
        # GitHub reads markdown inside <details> only after an empty line
        lines += [
            "<details>",
            f"<summary>{setting}, per region</summary>",
            "",
            *markdown_table(head, rows),
            "",
            "</details>",
        ]
        lines.append("")
    return lines


def ablation_table(dice: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """One row per variant and setting, the largest gain first."""
    if not (dice.dataset == ABLATION).any():
        return []
    what = "Gain of the mean Dice on the simulated subjects over the study's control of the same setting and seeds."
    lines = ["## Ablation", "", what]
    chosen = table[(table.dataset == ABLATION) & (table.setting != ALL_SETTINGS) & (table.region == "mean")]
    chosen = chosen.assign(place=chosen.setting.map(subset_order))
    chosen = chosen.sort_values(["place", "gain", "recipe", "network"], ascending=[True, False, True, True])
    rows = [
        [recipe_label(line.recipe, line.network), line.setting, str(len(line.seeds))]
        + [number(line.dice), number(line.control), _gain(line), *_spread(line)]
        for line in chosen.itertuples()
    ]
    head = ["variant", "setting", "seeds", "mean Dice", "control", "gain [95%]", "new seeds too", "p", "single seeds"]
    return [*lines, "", *(markdown_table(head, rows) + [""] if rows else []), *_left_out(dice, ABLATION)]

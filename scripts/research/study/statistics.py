# SPDX-License-Identifier: Apache-2.0
"""Statistics of the study: its stored cells as one table, and each recipe's gain over the control with its spread.

A cell is one recipe, setting and seed, evaluated: ``<folder>/<dataset>/<recipe>/<setting>_seed<seed>.csv`` with the
columns of `scripts.evaluation.summary.COLUMNS`. Variants of the ablation stand under ``<folder>/ablation`` like recipes.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.common.errors import UserError
from scripts.common.sequences import REGIONS, SEQUENCES, subset_name, subset_order
from scripts.evaluation.bootstrap import bootstrap_interval, paired_difference
from scripts.evaluation.summary import read_cases

DATASETS = ("simulated", "real", "real_kfold")
ABLATION = "ablation"
"""Folder of the ablation, evaluated on the simulated subjects: its control stands under `simulated`."""
CONTROL = "no_distillation"
ALL_SETTINGS = "all settings"
ROWS = ("wt", "tc", "et", "mean")
"""Regions as the tables order them; "mean" is a subject's mean Dice of the three (not of HD95: ET may be absent)."""
_KEYS = ["dataset", "recipe", "network", "setting", "seed", "subject"]


def _is_setting(text: str) -> bool:
    try:
        return subset_name(text) == text
    except UserError:
        return False


def cell_files(folder) -> list[tuple[dict, Path]]:
    """Each stored cell: what it is (``dataset``, ``recipe``, ``setting``, ``seed``) and its CSV, in a fixed order.

    Raises:
        UserError: when a CSV is not named ``<setting>_seed<number>.csv``, or two hold one cell.
    """
    cells = {}
    for dataset in (*DATASETS, ABLATION):
        for path in sorted(Path(folder, dataset).glob("*/*.csv")):
            if path.name.startswith("."):
                continue  # a cell that is being written
            match = re.fullmatch(r"(.+)_seed(\d+)", path.stem)
            if match is None or not _is_setting(match[1]):
                raise UserError(
                    f"{path} is not named <setting>_seed<number>.csv, such as t1ce+flair_seed0.csv: "
                    "rename it or move it out of the study."
                )
            key = (dataset, path.parent.name, subset_order(match[1]), int(match[2]))
            if key in cells:  # seed1 and seed01
                raise UserError(f"{path} holds the same seed as {cells[key][1]}: move one out of the study.")
            cells[key] = (match[1], path)
    in_order = sorted(cells, key=lambda key: ((*DATASETS, ABLATION).index(key[0]), *key[1:]))
    return [
        ({"dataset": key[0], "recipe": key[1], "setting": cells[key][0], "seed": key[3]}, cells[key][1])
        for key in in_order
    ]


def _read_cell(path: Path) -> pd.DataFrame:
    again = "delete it and run the study again, which makes it anew."
    try:
        cases = read_cases(path)
    except UserError:
        raise
    except ValueError as error:  # pandas' errors of an empty or broken file are of this kind
        raise UserError(f"{path} cannot be read as a table ({error}): {again}") from error
    if cases.empty:
        raise UserError(f"{path} holds not one subject: {again}")
    regions = cases.groupby(["subject", "network"]).region.agg(sorted)
    wrong = regions[regions.map(lambda names: names != sorted(REGIONS))]
    if len(wrong):
        subject, network = wrong.index[0]
        raise UserError(f"{path} has not each region once for the {network} on subject {subject}: {again}")
    if cases.dice.isna().any():
        raise UserError(f"{path} lacks the Dice of subject {cases.subject[cases.dice.isna()].iloc[0]}: {again}")
    return cases


def load_cells(folder) -> pd.DataFrame:
    """All stored cells in one table: the columns of the CSV files and dataset, recipe, setting and seed.

    Raises:
        UserError: when there is no cell, or a file is misnamed, broken, or has not each region of a subject once.
    """
    tables = [_read_cell(path).assign(**cell) for cell, path in cell_files(folder)]
    if not tables:
        raise UserError(f"There is no stored cell under {folder}: run `python -m scripts.research.study` first.")
    return pd.concat(tables, ignore_index=True)


def dice_of_subjects(cells: pd.DataFrame) -> pd.DataFrame:
    """One line per dataset, recipe, network, setting, seed and subject, with the Dice of each of `ROWS`."""
    wide = cells.pivot(index=_KEYS, columns="region", values="dice")
    return wide.assign(mean=wide[list(REGIONS)].mean(axis=1)).reset_index()


def levels(cells: pd.DataFrame, seed: int = 0, resamples: int = 10_000) -> pd.DataFrame:
    """How good each network is: means over subjects of each subject's mean over the seeds.

    Args:
        cells: table of `load_cells`.
        seed, resamples: of the bootstrap over subjects.

    Returns:
        index (dataset, recipe, setting, network, region of `ROWS`); columns ``seeds`` and ``subjects`` (numbers; a
        subject counts if every seed has it), ``dice``, ``dice_low``, ``dice_high``, ``hd95_mm``, ``hd95_low``,
        ``hd95_high`` (ends of the 95% interval; HD95 over the defined ones), ``values`` and ``undefined`` (how many
        HD95 there are, one a subject and seed, and how many of them are undefined). NaN where there is no number.
    """
    lines = {}
    for keys, rows in cells.groupby(["dataset", "recipe", "setting", "network"], sort=False):
        seeds = rows.seed.nunique()
        rows = rows[rows.groupby("subject").seed.transform("nunique") == seeds]
        if rows.empty:
            continue
        wide = rows.groupby(["subject", "region"])[["dice", "hd95_mm"]].mean().unstack("region")
        wide["dice", "mean"] = wide["dice"].mean(axis=1)
        wide["hd95_mm", "mean"] = math.nan
        low, high = bootstrap_interval(wide, seed, resamples)
        ends = pd.DataFrame({"low": low, "high": high, "value": wide.mean().to_numpy()}, index=wide.columns)
        undefined = rows.hd95_mm.isna().groupby(rows.region).sum()
        for region in ROWS:
            line = {"seeds": seeds, "subjects": len(wide)}
            for measure, short in (("dice", "dice"), ("hd95_mm", "hd95")):
                found = ends.loc[(measure, region)]
                line |= {measure: found["value"], f"{short}_low": found["low"], f"{short}_high": found["high"]}
            line["values"] = 0 if region == "mean" else len(wide) * seeds
            line["undefined"] = int(undefined.get(region, 0))
            lines[(*keys, region)] = line
    names = ["dataset", "recipe", "setting", "network", "region"]
    return pd.DataFrame(list(lines.values()), index=pd.MultiIndex.from_tuples(lines, names=names))


@dataclass(frozen=True)
class Block:
    """Dice of a network and of the control over the same settings, seeds and subjects.

    Attributes:
        settings, seeds, subjects: what the first three axes stand for.
        dice, control: (settings, seeds, subjects, 4), the last axis in the order of `ROWS`.
    """

    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    dice: np.ndarray
    control: np.ndarray


def pair(dice: pd.DataFrame, control: pd.DataFrame, setting: str = ALL_SETTINGS) -> Block | None:
    """The cells that a network and the control both have.

    Args:
        dice, control: lines of `dice_of_subjects`, each of one dataset, recipe and network.
        setting: one, or `ALL_SETTINGS`: the settings that both have, with the seeds that both have in every one of
            them, so that no setting weighs on a gain with other seeds than the next.

    Returns:
        their `Block` with the subjects of all these cells, or None if they share no seed or no subject.
    """
    found = [set(zip(table.setting, table.seed)) for table in (dice, control)]
    both = {cell for cell in found[0] & found[1] if setting in (ALL_SETTINGS, cell[0])}
    settings = sorted({name for name, _ in both}, key=subset_order)
    seeds_of = [{seed for name, seed in both if name == wanted} for wanted in settings]
    seeds = sorted(set.intersection(*seeds_of)) if seeds_of else []
    tables, subjects = [], None
    for table in (dice, control):
        table = table[table.setting.isin(settings) & table.seed.isin(seeds)]
        counts = table.subject.value_counts()
        complete = set(counts.index[counts == len(settings) * len(seeds)])
        subjects = complete if subjects is None else subjects & complete
        tables.append(table)
    if not seeds or not subjects:
        return None
    subjects = sorted(subjects)
    axes = pd.MultiIndex.from_product([settings, seeds, subjects])
    shape = (len(settings), len(seeds), len(subjects), len(ROWS))
    cubes = [
        table.set_index(["setting", "seed", "subject"])[list(ROWS)].loc[axes].to_numpy().reshape(shape)
        for table in tables
    ]
    return Block(tuple(settings), tuple(seeds), tuple(subjects), *cubes)


def two_level_interval(differences, seed: int = 0, resamples: int = 10_000) -> tuple[float, float]:
    """95% percentile interval of the mean when both the seeds and the subjects are drawn anew.

    An interval over subjects alone answers "on other subjects, these very networks"; it does not hold the spread
    between trainings. Here each resample draws the seeds and, independently, the subjects with replacement: every
    drawn seed sees the same drawn subjects, as in the study (Owen's pigeonhole bootstrap,
    https://doi.org/10.1214/07-AOAS122). With n seeds their part of the variance is too small by (n - 1) / n on
    average, a third at three seeds: read the range of the single seeds beside it.

    Args:
        differences: (seeds, subjects).

    Returns:
        lower and upper end; NaN with fewer than two seeds or subjects.
    """
    differences = np.asarray(differences, dtype=float)
    seeds, subjects = differences.shape
    if min(seeds, subjects) < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    of_subjects = generator.multinomial(subjects, np.full(subjects, 1 / subjects), resamples) / subjects
    means = ((of_seeds @ differences) * of_subjects).sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def gain_of(block: Block, region: str, seed: int = 0, resamples: int = 10_000) -> dict:
    """Dice and gain over the control in one region, each subject's values first averaged over settings and seeds.

    Returns:
        ``settings``, ``seeds`` (tuples), ``subjects`` (number), ``dice`` and ``control`` (means), ``gain`` with
        ``low`` and ``high`` (95% bootstrap over subjects), ``p`` (Wilcoxon signed rank over subjects, two-sided),
        ``two_low`` and ``two_high`` (`two_level_interval`), and ``by_seed`` (the gain of each single seed).
    """
    row = ROWS.index(region)
    dice, control = block.dice[..., row], block.control[..., row]
    # to 9 decimals, as paired_difference has it: a sum's last bit is no gain
    differences = np.round((dice - control).mean(0), 9)
    over = paired_difference(dice.mean((0, 1)), control.mean((0, 1)), seed, resamples)
    two_low, two_high = two_level_interval(differences, seed, resamples)
    return {
        "settings": block.settings,
        "seeds": block.seeds,
        "subjects": len(block.subjects),
        "dice": dice.mean(),
        "control": control.mean(),
        "gain": over["mean"],
        "low": over["interval"][0],
        "high": over["interval"][1],
        "p": over["wilcoxon_p"],
        "two_low": two_low,
        "two_high": two_high,
        "by_seed": tuple(float(gain) for gain in differences.mean(1)),
    }


def control_of(dice: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The control's lines for a dataset; the ablation's control is that of the simulated subjects."""
    place = DATASETS[0] if dataset == ABLATION else dataset
    return dice[(dice.dataset == place) & (dice.recipe == CONTROL) & (dice.network == "student")]


def teachers_of(dice: pd.DataFrame) -> set[tuple[str, str]]:
    """(dataset, recipe) of the cells that are a trained teacher: all sequences only, where the control has no cell."""
    every = subset_name(SEQUENCES)
    return {
        (dataset, recipe)
        for (dataset, recipe), rows in dice.groupby(["dataset", "recipe"])
        if set(rows.setting) == {every} and recipe != CONTROL and every not in set(control_of(dice, dataset).setting)
    }


def gains(dice: pd.DataFrame, seed: int = 0, resamples: int = 10_000) -> pd.DataFrame:
    """Gain over the control's student of every student and ensemble, per setting and over all settings.

    Args:
        dice: table of `dice_of_subjects`.
        seed, resamples: of the bootstraps.

    Returns:
        index (dataset, recipe, network, setting or `ALL_SETTINGS`, region of `ROWS`) and the columns of `gain_of`.
        What has no partner in the control is absent; the control is compared with itself (gain 0).
    """
    lines = {}
    judged = dice[dice.network.isin(["student", "ensemble"])]
    for keys, rows in judged.groupby(["dataset", "recipe", "network"], sort=False):
        control = control_of(dice, keys[0])
        for setting in (ALL_SETTINGS, *sorted(rows.setting.unique(), key=subset_order)):
            block = pair(rows, control, setting)
            for region in ROWS if block else ():
                lines[(*keys, setting, region)] = gain_of(block, region, seed, resamples)
    names = ["dataset", "recipe", "network", "setting", "region"]
    columns = ["settings", "seeds", "subjects", "dice", "control", "gain", "low", "high", "p"]
    columns += ["two_low", "two_high", "by_seed"]
    index = pd.MultiIndex.from_tuples(lines, names=names) if lines else pd.MultiIndex.from_arrays([[]] * 5, names=names)
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)

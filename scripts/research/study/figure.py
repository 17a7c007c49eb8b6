# SPDX-License-Identifier: Apache-2.0
"""The picture of the study: each recipe's gain over the control, per setting, with its spread."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from scripts.common.files import save_atomically
from scripts.common.sequences import subset_order
from scripts.research.study.statistics import ALL_SETTINGS, CONTROL, DATASETS

# Okabe and Ito's colours, which the colour-blind can tell apart; black is for all settings, yellow too pale for a line
SETTING_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
_MARKERS = ("o", "s")  # with the colours enough for the fourteen settings
DATASET_TITLES = {
    "simulated": "held-out simulated subjects",
    "real": "real subjects, trained on simulated ones",
    "real_kfold": "real subjects, fine-tuned, k-fold",
}
_LABELS = {CONTROL: "no distillation (control)", "kd_net": "KD-Net", "emkd": "EMKD", "barlow_twins": "Barlow Twins"}


def recipe_label(recipe: str, network: str = "student") -> str:
    """What tables and figures call a recipe's folder, such as ``warm_start+kd_net_temperature_2``: recipes that are
    combined with a plus, each with what was changed in it behind a comma; the ensemble is a line of its own.
    """
    return " + ".join(map(_part_label, recipe.split("+"))) + ("" if network == "student" else f", {network}")


def _part_label(part: str) -> str:
    for name, label in _LABELS.items():
        if part == name or part.startswith(f"{name}_"):
            return f"{label}, {part[len(name) + 1:].replace('_', ' ')}".removesuffix(", ")
    return part.replace("_", " ")


def _rows(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(recipe, network) from the top down: the largest mean gain on simulated subjects first, then those of others."""
    rows = []
    for dataset in DATASETS:
        chosen = table[(table.dataset == dataset) & (table.setting == ALL_SETTINGS)]
        chosen = chosen.sort_values(["gain", "recipe", "network"], ascending=[False, True, True])
        rows += [key for key in zip(chosen.recipe, chosen.network) if key not in rows]
    return rows


def _style(settings: list[str]) -> dict[str, dict]:
    return {
        setting: {
            "color": SETTING_COLOURS[place % len(SETTING_COLOURS)],
            "marker": _MARKERS[place // len(SETTING_COLOURS) % len(_MARKERS)],
            "markersize": 6,
        }
        for place, setting in enumerate(settings)
    } | {ALL_SETTINGS: {"color": "black", "marker": "D", "markersize": 7}}


def _panel(axes, table: pd.DataFrame, rows: list[tuple[str, str]], styles: dict[str, dict]) -> None:
    """Points, whiskers and single seeds of one dataset; the settings of a row stand one below the other."""
    lanes = list(styles)
    step = 0.74 / len(lanes)
    axes.axvline(0, color="0.35", linewidth=1.2, zorder=1)
    for line in table.itertuples():
        y = rows.index((line.recipe, line.network)) + (lanes.index(line.setting) - (len(lanes) - 1) / 2) * step
        style = styles[line.setting]
        if pd.notna(line.low):
            axes.plot([line.low, line.high], [y, y], color=style["color"], linewidth=1.8, zorder=2)
        if len(line.by_seed) > 1:
            axes.plot(line.by_seed, [y] * len(line.by_seed), "|", color=style["color"], ms=9, mew=1.3, zorder=3)
        axes.plot([line.gain], [y], linestyle="", markeredgecolor="white", markeredgewidth=0.8, zorder=4, **style)
    for row in range(1, len(rows), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.955", linewidth=0, zorder=0)
    absent = [row for row, key in enumerate(rows) if key not in set(zip(table.recipe, table.network))]
    across = blended_transform_factory(axes.transAxes, axes.transData)
    for row in absent:
        axes.text(0.5, row, "not compared", transform=across, ha="center", va="center", fontsize=9, color="0.6")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.06)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color="0.88")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def gain_figure(gains: pd.DataFrame, path) -> bool:
    """Draw the gain in mean Dice over the control and save it as an image, 1500 pixels wide as PNG.

    One panel per dataset with data, one row per recipe, one point per setting (and a black one for all settings, where
    there are several) with the 95% bootstrap interval over subjects; short upright lines are single seeds. Each panel
    has a scale of its own, since eleven subjects give far wider intervals than forty.

    Args:
        gains: table of `scripts.research.study.statistics.gains`.
        path: image file, its kind by its suffix; it is replaced at once.

    Returns:
        was it drawn: without any gain there is nothing to draw, and no file.
    """
    table = gains.reset_index()
    table = table[(table.region == "mean") & (table.recipe != CONTROL) & table.dataset.isin(DATASETS)]
    if table.empty:
        return False
    rows = _rows(table)
    settings = sorted(set(table.setting) - {ALL_SETTINGS}, key=subset_order)
    if len(settings) == 1:
        table = table[table.setting != ALL_SETTINGS]  # the same point twice
    styles = {setting: style for setting, style in _style(settings).items() if setting in set(table.setting)}
    datasets = [dataset for dataset in DATASETS if dataset in set(table.dataset)]
    height = 1.7 + len(rows) * max(0.42, 0.15 * len(styles))
    figure = Figure(figsize=(10, height), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for axes, dataset in zip(panels, datasets):
        chosen = table[table.dataset == dataset]
        _panel(axes, chosen, rows, styles)
        numbers = sorted(set(chosen.subjects))
        title = DATASET_TITLES[dataset].replace(", ", ",\n", 1) if len(datasets) > 1 else DATASET_TITLES[dataset]
        axes.set_title(f"{title}\n(n = {' to '.join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))})", fontsize=11)
    panels[0].set_yticks(range(len(rows)), [recipe_label(*key) for key in rows], fontsize=11)
    figure.supxlabel("gain in mean Dice over the control", fontsize=12)
    handles = [Line2D([], [], linewidth=1.8, label=setting, **style) for setting, style in styles.items()]
    handles.append(Line2D([], [], color="0.35", linestyle="", marker="|", ms=9, mew=1.3, label="a single seed"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(5, len(handles)), frameon=False, fontsize=10)
    save_atomically(Path(path), figure.savefig)
    return True

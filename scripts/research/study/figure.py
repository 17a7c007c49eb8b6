# SPDX-License-Identifier: Apache-2.0
"""The figure of the study: each arm's gain over the control, for each subset, with its interval."""

import textwrap
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scripts.common.files import save_atomically
from scripts.common.sequences import subset_order
from scripts.common.titles import sequences_text
from scripts.research.study.statistics import ALL

# Okabe and Ito's colours, which the colour-blind can tell apart, without black (all subsets) and the pale yellow
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
# Characters of a line in the title of a panel, which is 3.5 inches wide.
TITLE_WIDTH = 42
MARKERS = ("o", "s")  # with the colours enough for the 14 subsets


def arm_label(arm: str, network: str = "student") -> str:
    """What tables and figure call an arm, such as ``barlow twins, ensemble``."""
    return arm.replace("_", " ") + ("" if network == "student" else f", {network}")


def gain_figure(gains: dict[str, pd.DataFrame], path: str | Path) -> bool:
    """Draw the gains in mean Dice and save them as an image.

    One panel for each part and group, one row for each arm, one point for each subset (black: all of them) with the 95%
    interval over patients; short upright lines are single seeds.

    Args:
        gains: tables of `scripts.research.study.statistics.gains` without the control, by title of the panel.
        path: image file.

    Returns:
        whether there was a gain to draw.
    """
    gains = {title: table[table.region == "mean"] for title, table in gains.items() if len(table)}
    if not gains:
        return False
    together = pd.concat(gains.values())
    together = together.assign(label=[arm_label(*key) for key in zip(together.arm, together.network)])
    of_all = together[together.subset == ALL].groupby("label").gain.mean()
    labels = list(of_all.sort_values(ascending=False, kind="stable").index)
    subsets = sorted(set(together.subset) - {ALL}, key=subset_order)
    if alone := len(subsets) == 1:  # the same as all of them
        gains = {title: table[table.subset == ALL] for title, table in gains.items()}
    styles = {
        subset: {"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n // len(COLOURS) % len(MARKERS)], "ms": 6}
        for n, subset in enumerate([] if alone else subsets)
    } | {ALL: {"color": "black", "marker": "D", "ms": 7}}
    figure = Figure(
        (4 + 3.5 * len(gains), 1.7 + len(labels) * max(0.42, 0.15 * len(styles))), 150, layout="constrained"
    )
    panels = figure.subplots(1, len(gains), sharey=True, squeeze=False)[0]
    for axes, (title, table) in zip(panels, gains.items()):
        _panel(axes, table, labels, styles)
        axes.set_title(f"{textwrap.fill(title, TITLE_WIDTH)}\n(n = {table.subjects.max()})", fontsize=11)
    panels[0].set_yticks(range(len(labels)), labels, fontsize=11)
    panels[0].set_ylim(len(labels) - 0.5, -0.5)
    figure.supxlabel("gain in mean Dice over the control", fontsize=12)
    names = {subset: sequences_text(subset) for subset in subsets} | {ALL: "all subsets"}
    names |= {ALL: names[subsets[0]]} if alone else {}
    handles = [Line2D([], [], linewidth=1.8, label=names[subset], **style) for subset, style in styles.items()]
    handles.append(Line2D([], [], color="0.35", linestyle="", marker="|", ms=9, mew=1.3, label="a single seed"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(5, len(handles)), frameon=False, fontsize=10)
    save_atomically(Path(path), figure.savefig)
    return True


def _panel(axes, table: pd.DataFrame, labels: list[str], styles: dict[str, dict]) -> None:
    """Points, intervals and single seeds; the subsets of an arm stand one below the other."""
    subsets = list(styles)
    step = 0.74 / len(subsets)
    axes.axvline(0, color="0.35", linewidth=1.2, zorder=1)
    for row in range(1, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.955", linewidth=0, zorder=0)
    for line in table.itertuples():
        y = (
            labels.index(arm_label(line.arm, line.network))
            + (subsets.index(line.subset) - (len(subsets) - 1) / 2) * step
        )
        style = styles[line.subset]
        axes.plot([line.low, line.high], [y, y], color=style["color"], linewidth=1.8, zorder=2)
        if len(line.by_seed) > 1:
            axes.plot(line.by_seed, [y] * len(line.by_seed), "|", color=style["color"], ms=9, mew=1.3, zorder=3)
        axes.plot([line.gain], [y], linestyle="", markeredgecolor="white", markeredgewidth=0.8, zorder=4, **style)
    axes.margins(x=0.06)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color="0.88")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)

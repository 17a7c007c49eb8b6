# SPDX-License-Identifier: Apache-2.0
"""The picture of an evaluation: the spread of Dice and HD95 over subjects, networks side by side."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

# Okabe and Ito's colours, which the colour-blind can tell apart
NETWORK_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
REGION_TITLES = {"tc": "tumour core", "wt": "whole tumour", "et": "enhancing tumour"}
_ORDER = ("wt", "tc", "et")  # from the outside inwards, as tables in the field have it


def _spread(axes, cases: pd.DataFrame, networks: list[str], measure: str) -> None:
    """One box with the subjects' points per region and network; grey lines join a subject's two networks."""
    width = 0.8 / len(networks)
    for place, region in enumerate(_ORDER):
        rows = cases[cases.region == region]
        table = rows.pivot(index="subject", columns="network", values=measure).reindex(columns=networks).to_numpy()
        # points are spread evenly across the box in the order of subjects: the same picture every time
        offsets = np.linspace(-0.22, 0.22, len(table)) * width if len(table) > 1 else np.zeros(len(table))
        x = place + (np.arange(len(networks)) - (len(networks) - 1) / 2) * width + offsets[:, None]
        if len(table) <= 60:  # more lines than that are fog
            axes.plot(x.T, table.T, color="0.75", linewidth=0.6, zorder=1)
        for column, colour in enumerate(NETWORK_COLOURS[: len(networks)]):
            defined = table[~np.isnan(table[:, column]), column]
            box = axes.boxplot(
                [defined],
                positions=[place + (column - (len(networks) - 1) / 2) * width],
                widths=0.8 * width,
                showfliers=False,
                patch_artist=True,
                medianprops={"color": "black", "linewidth": 1.6},
                boxprops={"edgecolor": colour, "linewidth": 1.3},
                whiskerprops={"color": colour, "linewidth": 1.3},
                capprops={"color": colour, "linewidth": 1.3},
                zorder=2,
            )
            box["boxes"][0].set_facecolor(colour + "33")
            size = 20 if len(table) <= 60 else 7
            axes.scatter(x[:, column], table[:, column], s=size, color=colour, edgecolor="white", lw=0.4, zorder=3)


def _tick_labels(cases: pd.DataFrame, networks: list[str], measure: str) -> list[str]:
    labels = []
    for region in _ORDER:
        rows = cases[cases.region == region]
        undefined = [int(rows.loc[rows.network == network, measure].isna().sum()) for network in networks]
        note = f"\nundefined: {'/'.join(map(str, undefined))}" if any(undefined) else ""
        labels.append(f"{region.upper()}\n{REGION_TITLES[region]}{note}")
    return labels


def dice_and_hd95_figure(cases: pd.DataFrame, path) -> None:
    """Draw Dice and HD95 of every subject, region and network as boxes with points, and save it as an image.

    HD95 is drawn on an axis that is linear to 1 mm and logarithmic above. Boxes are quartiles, whiskers reach to 1.5
    times the box; undefined values are counted under the region in the order of the networks.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`, at most four networks.
        path: image file, its kind by its suffix; 1500 x 750 pixels as PNG.

    Raises:
        ValueError: when there are more networks than colours.
    """
    sequences = cases.drop_duplicates("network").set_index("network").sequences
    networks = list(sequences.index)
    if len(networks) > len(NETWORK_COLOURS):
        raise ValueError(f"the figure has colours for {len(NETWORK_COLOURS)} networks, got {', '.join(networks)}.")
    figure = Figure(figsize=(10, 5), dpi=150, layout="constrained")
    for axes, measure, title in zip(figure.subplots(1, 2), ("dice", "hd95_mm"), ("Dice", "HD95 (mm)")):
        _spread(axes, cases, networks, measure)
        axes.set_title(title, fontsize=12)
        axes.set_xticks(range(len(_ORDER)), _tick_labels(cases, networks, measure), fontsize=10)
        axes.set_xlim(-0.55, len(_ORDER) - 0.45)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if measure == "dice":
            axes.set_ylim(-0.03, 1.03)
        else:
            axes.set_yscale("symlog", linthresh=1, linscale=0.25)
            ticks = [0, 1, 2, 5, 10, 20, 50, 100, 200]
            axes.set_yticks(ticks, map(str, ticks), minor=False)
            axes.set_yticks([], minor=True)
            highest = cases.hd95_mm.max()
            axes.set_ylim(-0.15, 10 if np.isnan(highest) else max(10, 1.3 * highest))
    handles = [
        Patch(facecolor=colour + "33", edgecolor=colour, label=f"{network} ({sequences[network]})")
        for network, colour in zip(networks, NETWORK_COLOURS)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(networks)), frameon=False, fontsize=11)
    figure.suptitle(f"n = {cases.subject.nunique()}, one point per subject", fontsize=12)
    figure.savefig(path)


def evaluation_figure(cases: pd.DataFrame, path) -> None:
    """Box plots of few networks, `dots_figure` of more than `dice_and_hd95_figure` has colours for."""
    few = cases.network.nunique() <= len(NETWORK_COLOURS)
    (dice_and_hd95_figure if few else dots_figure)(cases, path)


def dots_figure(cases: pd.DataFrame, path) -> None:
    """Draw a row per network and a column per region: a dot per subject, a tick at the mean; save it as an image.

    Dice is left, HD95 right, on an axis that is linear to 1 mm and logarithmic above. Undefined HD95 are left out.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`, any number of networks.
        path: image file, its kind by its suffix; 1500 pixels wide as PNG.
    """
    names = cases.drop_duplicates("network").set_index("network").sequences
    labels = [name if name == seen else f"{name} ({seen})" for name, seen in names.items()]
    figure = Figure(figsize=(10, 1.5 + 0.27 * len(names)), dpi=150, layout="constrained")
    axes = figure.subplots(1, 6, sharey=True)
    for column, (measure, title) in enumerate((("dice", "Dice"), ("hd95_mm", "HD95 (mm)"))):
        for region in REGION_TITLES:
            panel = axes[3 * column + ("wt", "tc", "et").index(region)]
            rows = cases[cases.region == region]
            for line, network in enumerate(names.index):
                values = rows.loc[rows.network == network, measure].dropna().to_numpy()
                # the same picture every time: dots are spread by their order, not at random
                spread = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(len(values))
                panel.scatter(values, line + spread, s=7, color=NETWORK_COLOURS[0], alpha=0.55, lw=0)
                if len(values):
                    panel.plot([values.mean()] * 2, [line - 0.38, line + 0.38], color="black", lw=1.8)
            panel.set_title(f"{title}\n{region.upper()}", fontsize=10)
            panel.grid(color="0.9")
            panel.set_axisbelow(True)
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8)
            if measure == "dice":
                panel.set_xlim(-0.03, 1.03)
            else:
                panel.set_xscale("symlog", linthresh=1, linscale=0.25)
                panel.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
                panel.set_xticks([], minor=True)
                panel.set_xlim(-0.15, 300)
    axes[0].set_yticks(range(len(names)), labels, fontsize=9)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    figure.suptitle(f"n = {cases.subject.nunique()}, one point per subject, tick: mean", fontsize=11)
    figure.savefig(path)

# SPDX-License-Identifier: Apache-2.0
"""The figure of an evaluation: Dice and HD95 of every subject, as box plots or, for many networks, as dot plots."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scripts.common.titles import REGION_TITLES

# palette of Okabe and Ito, which colour-blind readers can distinguish
NETWORK_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
MEASURE_TITLES = {"dice": "Dice", "hd95_mm": "HD95 (mm)"}
MANY_SUBJECTS = 60


def evaluation_figure(cases: pd.DataFrame, path) -> None:
    """Save `box_plot` of up to four networks, `dot_plot` of more."""
    few = cases.network.nunique() <= len(NETWORK_COLOURS)
    (box_plot if few else dot_plot)(cases, path)


def box_plot(cases: pd.DataFrame, path) -> None:
    """Draw Dice and HD95 of every subject, region and network as boxes with points, and save the image.

    The axis of HD95 is linear to 1 mm and logarithmic above. Boxes are quartiles, whiskers reach to 1.5 times the box.
    Undefined values are counted under the region in the order of the networks.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`, at most four networks.
        path: image file, its type by its suffix; 1500 x 750 pixels as PNG.

    Raises:
        ValueError: more networks than colours.
    """
    sequences = cases.drop_duplicates("network").set_index("network").sequences
    networks = list(sequences.index)
    if len(networks) > len(NETWORK_COLOURS):
        raise ValueError(f"the figure has colours for {len(NETWORK_COLOURS)} networks, got {', '.join(networks)}.")
    figure = Figure(figsize=(10, 5), dpi=150, layout="constrained")
    for axes, (measure, title) in zip(figure.subplots(1, 2), MEASURE_TITLES.items()):
        _boxes(axes, cases, networks, measure)
        axes.set_title(title, fontsize=12)
        axes.set_xticks(range(len(REGION_TITLES)), _tick_labels(cases, networks, measure), fontsize=10)
        axes.set_xlim(-0.55, len(REGION_TITLES) - 0.45)
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


def _boxes(axes, cases: pd.DataFrame, networks: list[str], measure: str) -> None:
    """One box with the subjects' points per region and network; grey lines join the points of one subject."""
    width = 0.8 / len(networks)
    centres = (np.arange(len(networks)) - (len(networks) - 1) / 2) * width
    for place, region in enumerate(REGION_TITLES):
        rows = cases[cases.region == region]
        table = rows.pivot(index="subject", columns="network", values=measure).reindex(columns=networks).to_numpy()
        x = place + centres + _spread(len(table), 0.22 * width)[:, None]
        if len(table) <= MANY_SUBJECTS:
            axes.plot(x.T, table.T, color="0.75", linewidth=0.6, zorder=1)
        for column, colour in enumerate(NETWORK_COLOURS[: len(networks)]):
            line = {"color": colour, "linewidth": 1.3}
            box = axes.boxplot(
                [table[~np.isnan(table[:, column]), column]],
                positions=[place + centres[column]],
                widths=0.8 * width,
                showfliers=False,
                patch_artist=True,
                medianprops={"color": "black", "linewidth": 1.6},
                boxprops={"edgecolor": colour, "linewidth": 1.3},
                whiskerprops=line,
                capprops=line,
                zorder=2,
            )
            box["boxes"][0].set_facecolor(colour + "33")
            size = 20 if len(table) <= MANY_SUBJECTS else 7
            axes.scatter(x[:, column], table[:, column], s=size, color=colour, edgecolor="white", lw=0.4, zorder=3)


def _spread(count: int, half: float) -> np.ndarray:
    """Even offsets from -half to half in the order of subjects, so that a figure is the same every time."""
    return np.linspace(-half, half, count) if count > 1 else np.zeros(count)


def _tick_labels(cases: pd.DataFrame, networks: list[str], measure: str) -> list[str]:
    labels = []
    for region, title in REGION_TITLES.items():
        rows = cases[cases.region == region]
        undefined = [int(rows.loc[rows.network == network, measure].isna().sum()) for network in networks]
        note = f"\nundefined: {'/'.join(map(str, undefined))}" if any(undefined) else ""
        labels.append(f"{region.upper()}\n{title}{note}")
    return labels


def dot_plot(cases: pd.DataFrame, path) -> None:
    """Draw a row per network and a column per region, a dot per subject and a tick at the mean; save the image.

    Dice is left, HD95 right on an axis that is linear to 1 mm and logarithmic above. Right of it is the number of
    undefined values of each row that has any.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`, any number of networks.
        path: image file, its type by its suffix; 1500 pixels wide as PNG.
    """
    sequences = cases.drop_duplicates("network").set_index("network").sequences
    labels = [network if network == seen else f"{network} ({seen})" for network, seen in sequences.items()]
    figure = Figure(figsize=(10, 1.5 + 0.27 * len(labels)), dpi=150, layout="constrained")
    panels = figure.subplots(1, 6, sharey=True)
    columns = [(measure, region) for measure in MEASURE_TITLES for region in REGION_TITLES]
    for panel, (measure, region) in zip(panels, columns):
        rows = cases[cases.region == region]
        for line, network in enumerate(sequences.index):
            values = rows.loc[rows.network == network, measure].to_numpy()
            if undefined := np.isnan(values).sum():
                beside = ("axes fraction", "data")
                panel.annotate(str(undefined), (1.02, line), xycoords=beside, va="center", fontsize=7, color="0.4")
            values = values[~np.isnan(values)]
            height = line + _spread(len(values), 0.25)
            panel.scatter(values, height, s=7, color=NETWORK_COLOURS[0], alpha=0.55, lw=0)
            if len(values):
                panel.plot([values.mean()] * 2, [line - 0.38, line + 0.38], color="black", lw=1.8)
        panel.set_title(f"{MEASURE_TITLES[measure]}\n{region.upper()}", fontsize=10)
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
    panels[0].set_yticks(range(len(labels)), labels, fontsize=9)
    panels[0].set_ylim(len(labels) - 0.5, -0.5)
    title = f"n = {cases.subject.nunique()}, one point per subject, tick: mean"
    title += ", number on the right: undefined" if cases[list(MEASURE_TITLES)].isna().any(axis=None) else ""
    figure.suptitle(title, fontsize=11)
    figure.savefig(path)

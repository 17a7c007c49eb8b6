# SPDX-License-Identifier: Apache-2.0
"""The picture of an evaluation of many networks: a line each, with every subject's Dice and HD95 and their mean."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from scripts.figures import NETWORK_COLOURS, REGION_TITLES, dice_and_hd95_figure


def evaluation_figure(cases: pd.DataFrame, path) -> None:
    """Box plots of few networks, `dots_figure` of more than `dice_and_hd95_figure` has colours for."""
    few = cases.network.nunique() <= len(NETWORK_COLOURS)
    (dice_and_hd95_figure if few else dots_figure)(cases, path)


def dots_figure(cases: pd.DataFrame, path) -> None:
    """Draw a row per network and a column per region: a dot per subject, a tick at the mean; save it as an image.

    Dice is left, HD95 right, on an axis that is linear to 1 mm and logarithmic above. Undefined HD95 are left out.

    Args:
        cases: table of `scripts.summary.read_cases`, any number of networks.
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

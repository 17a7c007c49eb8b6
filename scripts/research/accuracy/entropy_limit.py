# SPDX-License-Identifier: Apache-2.0
"""The entropy above which a segmentation is flagged, chosen anew by cross-validation: is the shipped limit right?"""

import math

import numpy as np
import pandas as pd
from scripts.evaluation.summary import ENTROPY
from scripts.research.markdown import markdown_table

# A segmentation whose whole tumour has a smaller Dice is bad.
BAD = 0.8
# Limits to choose from, in bits.
LIMITS = np.round(np.arange(0.05, 0.5, 0.005), 3)


def best_limit(wt: pd.DataFrame) -> float:
    """The limit with the largest Youden's J, the share flagged of the bad ones minus that of the others.

    Args:
        wt: rows of the region WT with ``dice`` and the entropy.

    Returns:
        One of `LIMITS`, in bits; the smallest where several are equal. NaN if none is bad, or all are.
    """
    if (wt.dice < BAD).nunique() < 2:
        return math.nan
    above = wt[ENTROPY].to_numpy()[:, None] > LIMITS
    bad = (wt.dice < BAD).to_numpy()
    return float(LIMITS[np.argmax(np.round(above[bad].mean(axis=0) - above[~bad].mean(axis=0), 9))])


def cross_validated(wt: pd.DataFrame) -> pd.DataFrame:
    """Each row of WT, judged by the limit that was chosen on all other patients.

    Args:
        wt: rows of the region WT with ``patient``, ``dice`` and the entropy.

    Returns:
        Columns ``limit`` (bits), ``bad`` and ``flagged``, without patients for whom the others give no limit.
    """
    limits = wt.patient.map({patient: best_limit(wt[wt.patient != patient]) for patient in wt.patient.unique()})
    return pd.DataFrame({"limit": limits, "bad": wt.dice < BAD, "flagged": wt[ENTROPY] > limits}).dropna()


def limit_sentences(wt: pd.DataFrame, shipped: float) -> list[str]:
    """What cross-validation says of the shipped limit, as lines of the page; none without entropies or bad ones."""
    chosen = cross_validated(wt[wt[ENTROPY].notna()])
    if chosen.bad.nunique() < 2:
        return []
    judged = wt.loc[chosen.index]
    low, high = chosen.limit.min(), chosen.limit.max()
    return [
        f"Is the shipped limit right? We chose the limit that best separates a WT Dice below {BAD:g} from the rest, each "
        f"time without one patient: {f'{low:g}' if low == high else f'{low:g} to {high:g}'} bits. On the patients left "
        "out:",
        "",
        *markdown_table(
            ["limit", f"flagged of those below {BAD:g}", "flagged of the others"],
            [
                ["chosen on the other patients", *_shares(chosen.flagged, chosen.bad)],
                [f"{shipped:g} bits, as shipped", *_shares(judged[ENTROPY] > shipped, chosen.bad)],
            ],
        ),
        "",
    ]


def _shares(flagged: pd.Series, bad: pd.Series) -> list[str]:
    return [f"{flagged[bad].mean():.0%}", f"{flagged[~bad].mean():.0%}"]

# SPDX-License-Identifier: Apache-2.0
"""Each arm's gain over the control, paired by subject, with 95% intervals over subjects and over seeds."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scripts.common.sequences import REGIONS, subset_order
from scripts.evaluation.bootstrap import paired_difference

# In place of a subset or group: all of them.
ALL = "all"
# Regions in the order of the tables; "mean" is a subject's mean Dice of the three.
ROWS = ("wt", "tc", "et", "mean")


def dice_of_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each arm, network, subset, seed and subject, with the Dice of each of `ROWS`.

    Args:
        table: of `scripts.research.study.results.read_table`.
    """
    keys = ["arm", "network", "subset", "seed", "subject"]
    wide = table.pivot(index=keys, columns="region", values="dice")
    return wide.assign(mean=wide[list(REGIONS)].mean(axis=1)).reset_index()


@dataclass(frozen=True)
class Pair:
    """Dice of a network and of the control for the same subsets, seeds and subjects.

    Attributes:
        subsets, seeds, subjects: what the first three axes stand for.
        dice, control: (subsets, seeds, subjects, 4), the last axis in the order of `ROWS`.
    """

    subsets: tuple[str, ...]
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    dice: np.ndarray
    control: np.ndarray


def pair(dice: pd.DataFrame, control: pd.DataFrame, subset: str = ALL) -> Pair | None:
    """The trainings that a network and the control have in common.

    Args:
        dice, control: rows of `dice_of_subjects`, each of one arm and network.
        subset: one, or `ALL`: the subsets that both have, with the seeds that both have in each of them.

    Returns:
        their `Pair` with the subjects that all these trainings have; None without a common seed or subject.
    """
    tables = [table.set_index(["subset", "seed", "subject"])[list(ROWS)].dropna() for table in (dice, control)]
    trained = [set(table.index.droplevel("subject")) for table in tables]
    both = {key for key in trained[0] & trained[1] if subset in (ALL, key[0])}
    subsets = sorted({name for name, _ in both}, key=subset_order)
    seeds = sorted(set.intersection(*({seed for name, seed in both if name == own} for own in subsets))) if both else []
    subjects = [
        set(table.loc[(own, seed)].index)
        for table in tables
        for own in subsets
        for seed in seeds
        if (own, seed) in both
    ]
    subjects = sorted(set.intersection(*subjects)) if subjects else []
    if not subjects:
        return None
    axes = pd.MultiIndex.from_product([subsets, seeds, subjects])
    shape = (len(subsets), len(seeds), len(subjects), len(ROWS))
    return Pair(
        tuple(subsets), tuple(seeds), tuple(subjects), *(table.loc[axes].to_numpy().reshape(shape) for table in tables)
    )


def two_level_interval(differences, seed: int = 0, resamples: int = 10_000) -> tuple[float, float]:
    """95% percentile interval of the mean when both the seeds and the subjects are drawn anew.

    An interval over subjects is valid for these trained networks; it does not contain the spread between trainings.
    Here each resample draws the seeds and, independently, the subjects with replacement (Owen's pigeonhole bootstrap,
    https://doi.org/10.1214/07-AOAS122). With n seeds their part of the variance is too small by (n - 1) / n on
    average, a half at two seeds: read the gains of the single seeds beside it.

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


def gain_of(both: Pair, region: str, seed: int = 0, resamples: int = 10_000) -> dict:
    """Gain in one region; each subject's Dice is first averaged over subsets and seeds.

    Returns:
        ``subsets``, ``seeds`` (tuples), ``subjects`` (number), ``dice``, ``control`` and ``gain`` (means), ``low`` and
        ``high`` (95% bootstrap over subjects), ``p`` (Wilcoxon signed rank over subjects, two-sided), ``seeds_low`` and
        ``seeds_high`` (`two_level_interval`), and ``by_seed`` (the gain of each seed).
    """
    row = ROWS.index(region)
    dice, control = both.dice[..., row], both.control[..., row]
    differences = np.round((dice - control).mean(0), 9)  # as in paired_difference: rounding errors are no gain
    over_subjects = paired_difference(dice.mean((0, 1)), control.mean((0, 1)), seed, resamples)
    low, high = two_level_interval(differences, seed, resamples)
    return {
        "subsets": both.subsets,
        "seeds": both.seeds,
        "subjects": len(both.subjects),
        "dice": dice.mean(),
        "control": control.mean(),
        "gain": over_subjects["mean"],
        "low": over_subjects["interval"][0],
        "high": over_subjects["interval"][1],
        "p": over_subjects["wilcoxon_p"],
        "seeds_low": low,
        "seeds_high": high,
        "by_seed": tuple(float(gain) for gain in differences.mean(1)),
    }


def share_of_gap(
    dice: pd.DataFrame, control: pd.DataFrame, ceiling: pd.DataFrame, subset: str = ALL, resamples: int = 10_000
) -> dict:
    """Which share of the ceiling's gain over the control a network reaches, in mean Dice.

    Args:
        dice, control, ceiling: rows of `dice_of_subjects`, each of one arm and network.
        subset: one, or `ALL`.
        resamples: of the bootstrap over subjects, which draws all three together.

    Returns:
        ``share`` with ``share_low`` and ``share_high`` (95%); NaN without common trainings, or where the ceiling gains
        nothing.
    """
    nothing = dict.fromkeys(("share", "share_low", "share_high"), math.nan)
    pairs = pair(dice, control, subset), pair(ceiling, control, subset)
    if None in pairs or pairs[0].subjects != pairs[1].subjects:
        return nothing
    row = ROWS.index("mean")
    own, whole = ((each.dice - each.control)[..., row].mean((0, 1)) for each in pairs)
    if whole.mean() <= 0:
        return nothing
    subjects = len(own)
    drawn = np.random.default_rng(0).multinomial(subjects, np.full(subjects, 1 / subjects), resamples)
    # where a resample's ceiling gains nothing, the share has no bound
    low, high = np.nanpercentile(_ratio(drawn @ own, drawn @ whole), [2.5, 97.5])
    return {"share": float(own.mean() / whole.mean()), "share_low": float(low), "share_high": float(high)}


def _ratio(gain: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(gain, whole, out=np.full_like(gain, math.inf), where=whole > 0)


def gains(
    table: pd.DataFrame,
    control: str,
    groups: dict[str, str] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
    ceiling: str | None = None,
) -> pd.DataFrame:
    """Gain over the control's student of every student and ensemble, for each group and subset and for all of them.

    Args:
        table: of `scripts.research.study.results.read_table`.
        control: name of the arm.
        groups: start, or starts joined by ``|``, of the subjects' names by group.
        seed, resamples: of the bootstraps.
        ceiling: name of the arm that has what the others lack, or None.

    Returns:
        columns ``group``, ``arm``, ``network``, ``subset``, ``region``, those of `gain_of` and, with a ceiling, those of
        `share_of_gap`; arms that share no training with the control are absent; the control is compared with itself.
    """
    dice = dice_of_subjects(table[table.network != "teacher"])
    names = {ALL: ""} | (groups or {})
    rows = []
    for group, starts in names.items():
        here = dice[dice.subject.str.startswith(tuple(starts.split("|")))]
        reference, best = (here[(here.arm == arm) & (here.network == "student")] for arm in (control, ceiling))
        for (arm, network), own in here.groupby(["arm", "network"], sort=False):
            for subset in (ALL, *sorted(own.subset.unique(), key=subset_order)):
                both = pair(own, reference, subset)
                share = share_of_gap(own, reference, best, subset, resamples) if ceiling else {}
                for region in ROWS if both else ():
                    key = {"group": group, "arm": arm, "network": network, "subset": subset, "region": region}
                    rows.append(key | gain_of(both, region, seed, resamples) | share)
    return pd.DataFrame(rows)

# SPDX-License-Identifier: Apache-2.0
"""Statistics over subjects: 95% bootstrap intervals, descriptions and paired differences of two networks."""

import math

import numpy as np
from scipy.stats import wilcoxon


def _draws(subjects: int, seed: int, resamples: int) -> np.ndarray:
    """How often each resample drew each subject, (resamples, subjects): means become one matrix product."""
    drawn = np.random.default_rng(seed).integers(subjects, size=(resamples, subjects))
    drawn += subjects * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)


def bootstrap_interval(values, seed: int = 0, resamples: int = 10_000) -> np.ndarray:
    """95% percentile bootstrap interval of the mean over subjects.

    Args:
        values: (subjects,) or (subjects, columns); NaN is undefined and left out of each resample's mean. All columns
            have the same resamples, so tables with one seed and the same subjects can be compared.
        seed: of the resamples.
        resamples: number of resamples.

    Returns:
        (2,) or (2, columns): lower and upper end; NaN if fewer than two subjects are defined, since resamples of one
        value have no spread.
    """
    values = np.asarray(values, dtype=float)
    columns = values[:, None] if values.ndim == 1 else values
    defined = ~np.isnan(columns)
    ends = np.full((2, columns.shape[1]), np.nan)
    if len(columns):
        drawn = _draws(len(columns), seed, resamples)
        sums, counts = drawn @ np.where(defined, columns, 0), drawn @ defined.astype(float)
        for column in np.flatnonzero(defined.sum(0) > 1):
            usable = counts[:, column] > 0  # a resample may miss all of a few defined values
            ends[:, column] = np.percentile(sums[usable, column] / counts[usable, column], [2.5, 97.5])
    return ends.reshape((2,) + values.shape[1:])


def describe(values, interval) -> dict:
    """Counts (defined, undefined), mean, interval, median, standard deviation (n - 1) and extremes of one measure."""
    values = np.asarray(values, dtype=float)
    defined = values[~np.isnan(values)]
    n = len(defined)
    return {
        "n": n,
        "undefined": len(values) - n,
        "mean": defined.mean() if n else math.nan,
        "interval": [float(end) for end in interval],
        "median": float(np.median(defined)) if n else math.nan,
        "std": defined.std(ddof=1) if n > 1 else math.nan,
        "min": defined.min() if n else math.nan,
        "max": defined.max() if n else math.nan,
    }


def paired_difference(a, b, seed: int = 0, resamples: int = 10_000) -> dict:
    """Difference a - b of two networks on the same subjects.

    Args:
        a, b: (subjects,) values of the networks, in the same order of subjects; NaN is undefined.
        seed, resamples: of `bootstrap_interval`.

    Returns:
        `describe` of a - b (``undefined`` counts pairs with an undefined value), and ``wilcoxon_p``, the p value of the
        two-sided Wilcoxon signed-rank test without the zero differences: 1 if all differences are zero, NaN without
        pairs. With n pairs it is at least 2^(1 - n).

    Raises:
        ValueError: different shapes.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a and b must hold one value per subject, in the same order, got {a.shape} and {b.shape}.")
    difference = np.round(a - b, 9)  # .3 - .2 and .2 - .1 are ties
    result = describe(difference, bootstrap_interval(difference, seed, resamples))
    changed = difference[~np.isnan(difference) & (difference != 0)]
    if len(changed):
        result["wilcoxon_p"] = float(wilcoxon(changed).pvalue)
    else:
        result["wilcoxon_p"] = 1.0 if result["n"] else math.nan
    return result

# SPDX-License-Identifier: Apache-2.0
"""Statistics over subjects: 95% bootstrap intervals, descriptions and paired differences of two networks.

Intervals and tests take the patient as the unit: scans of one patient are alike, and are drawn together.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon


def resample(patients: Sequence, seed: int = 0, resamples: int = 10_000) -> np.ndarray:
    """How often each resample drew each subject, so that means become one matrix product.

    Args:
        patients: the patient of each subject. As many patients are drawn as there are, each with all of its subjects.
        seed: of the resamples.
        resamples: number of resamples.

    Returns:
        (resamples, subjects), float.
    """
    of_subject, names = pd.factorize(np.asarray(patients))
    drawn = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    drawn += len(names) * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return counts[:, of_subject].astype(float)


def bootstrap_interval(values, seed: int = 0, resamples: int = 10_000, patients: Sequence | None = None) -> np.ndarray:
    """95% percentile bootstrap interval of the mean over subjects.

    Args:
        values: (subjects,) or (subjects, columns); NaN is undefined and left out of each resample's mean. All columns
            have the same resamples, so tables with one seed and the same subjects can be compared.
        seed, resamples, patients: of `resample`; by default each subject is a patient.

    Returns:
        (2,) or (2, columns): lower and upper end; NaN if fewer than two patients are defined, since resamples of one
        patient have no spread.
    """
    values = np.asarray(values, dtype=float)
    columns = values[:, None] if values.ndim == 1 else values
    defined = ~np.isnan(columns)
    ends = np.full((2, columns.shape[1]), np.nan)
    if len(columns):
        patients = np.arange(len(columns)) if patients is None else np.asarray(patients)
        drawn = resample(patients, seed, resamples)
        sums, counts = drawn @ np.where(defined, columns, 0), drawn @ defined.astype(float)
        for column in range(columns.shape[1]):
            if len(set(patients[defined[:, column]])) < 2:
                continue
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


def paired_difference(a, b, seed: int = 0, resamples: int = 10_000, patients: Sequence | None = None) -> dict:
    """Difference a - b of two networks on the same subjects.

    Args:
        a, b: (subjects,) values of the networks, in the same order of subjects; NaN is undefined.
        seed, resamples, patients: of `bootstrap_interval`.

    Returns:
        `describe` of a - b (``undefined`` counts pairs with an undefined value), ``patients``, the number with a defined
        pair, and ``wilcoxon_p``. That is the p value of the two-sided Wilcoxon signed-rank test of each patient's mean
        difference, without those that are zero: 1 if all are zero, NaN without pairs. With n patients it is at least
        2^(1 - n).

    Raises:
        ValueError: different shapes.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a and b must hold one value per subject, in the same order, got {a.shape} and {b.shape}.")
    difference = np.round(a - b, 9)  # .3 - .2 and .2 - .1 are ties
    patients = np.arange(len(difference)) if patients is None else np.asarray(patients)
    result = describe(difference, bootstrap_interval(difference, seed, resamples, patients))
    of_patients = pd.Series(difference).groupby(patients).mean().round(9).dropna()
    result["patients"] = len(of_patients)
    changed = of_patients[of_patients != 0]
    if len(changed):
        result["wilcoxon_p"] = float(wilcoxon(changed).pvalue)
    else:
        result["wilcoxon_p"] = 1.0 if result["n"] else math.nan
    return result

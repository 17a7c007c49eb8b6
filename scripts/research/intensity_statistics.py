# SPDX-License-Identifier: Apache-2.0
"""How bright each region is in each sequence: the same figures for simulated and for real subjects."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from scripts.common.sequences import SEQUENCES

LABEL = {"ncr": 1, "ed": 2, "et": 4, "healthy": 0}


def brain_z_scores(image: np.ndarray) -> np.ndarray:
    """Standardise (X, Y, Z) by its non-zero voxels after a clip to their 0.5 and 99.5 percentiles; zero stays zero."""
    brain = image != 0
    result = np.zeros(image.shape, dtype=np.float32)
    if brain.any():
        inside = image[brain].astype(np.float64)
        inside = np.clip(inside, *np.percentile(inside, (0.5, 99.5)))
        result[brain] = (inside - inside.mean()) / max(inside.std(), 1e-6)
    return result


def intensity_statistics(images: Iterable[np.ndarray], labels: Iterable[np.ndarray], least_voxels: int = 20) -> dict:
    """The figures of `brats2021_intensity_statistics.json`, with the same keys: z-scores of each region and sequence.

    Args:
        images: (4, X, Y, Z) each, channels `SEQUENCES`, background 0, any unit.
        labels: (X, Y, Z) each, 0, 1, 2, 4.
        least_voxels: a smaller region is left out.

    Returns:
        sequence -> region (ncr, ed, et, healthy) -> cases, mean_of_means, sd_of_means, mean_within_sd (z-units).
    """
    rows = []
    for channels, label in zip(images, labels, strict=True):
        for sequence, channel in zip(SEQUENCES, channels, strict=True):
            scores = brain_z_scores(channel)
            for region, value in LABEL.items():
                values = scores[(channel != 0) & (label == value)].astype(np.float64)
                if values.size >= least_voxels:
                    rows.append((sequence, region, values.mean(), values.std()))
    groups = pd.DataFrame(rows, columns=["sequence", "region", "mean", "sd"]).groupby(["sequence", "region"])
    table = groups.agg(
        mean_of_means=("mean", "mean"),
        sd_of_means=("mean", "std"),
        mean_within_sd=("sd", "mean"),
        cases=("mean", "size"),
    )
    result: dict = {}
    for (sequence, region), row in table.round(2).iterrows():
        result.setdefault(sequence, {})[region] = row.to_dict() | {"cases": int(row["cases"])}
    return result


def compare_intensities(simulated: dict, real: dict) -> pd.DataFrame:
    """Simulated beside real: a row for each sequence and region, for each figure a pair of columns."""
    tables = {}
    for source, statistics in (("simulated", simulated), ("real", real)):
        tables[source] = pd.DataFrame(
            {(s, r): row for s, regions in statistics.items() for r, row in regions.items()}
        ).T
    table = pd.concat(tables, axis=1).swaplevel(axis=1)
    return table[["mean_of_means", "sd_of_means", "mean_within_sd", "cases"]].sort_index()

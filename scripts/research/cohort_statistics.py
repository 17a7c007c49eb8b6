# SPDX-License-Identifier: Apache-2.0
"""Shapes and intensities of tumours as figures that can be compared: simulated beside real subjects."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from scipy import ndimage
from scripts.common.sequences import SEQUENCES
from scripts.data.normalise import NormaliseBraind

REGIONS = {"wt": (1, 2, 4), "tc": (1, 4), "et": (4,), "ncr": (1,), "ed": (2,)}
TISSUES = {"ncr": 1, "ed": 2, "et": 4, "healthy": 0}
# Figures of a tissue's z-scores.
FIGURES = ("mean_of_means", "sd_of_means", "mean_within_sd", "cases")
QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
REAL_GRID = (240, 240, 155)


def shape_measures(label: np.ndarray, spacing: float) -> dict[str, float]:
    """Volumes (ml), ratios, components, contacts and centroid of one label map.

    Args:
        label: (X, Y, Z) with 0, 1, 2, 4.
        spacing: voxel size in mm.
    """
    voxel = spacing**3 / 1000
    row = {f"volume_ml {name}": np.isin(label, values).sum() * voxel for name, values in REGIONS.items()}
    row["ratio tc_over_wt"] = row["volume_ml tc"] / row["volume_ml wt"] if row["volume_ml wt"] else np.nan
    row["ratio et_over_tc"] = row["volume_ml et"] / row["volume_ml tc"] if row["volume_ml tc"] else np.nan
    whole = label > 0
    parts, count = ndimage.label(whole)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * voxel
    row["components_over_0p1ml"] = (sizes > 0.1).sum()
    row["largest_component_share_of_wt"] = sizes.max() / sizes.sum() if count else np.nan
    necrosis = label == 1
    shell = ndimage.binary_dilation(necrosis) & ~necrosis
    for name, value in (("et", 4), ("ed", 2), ("bg", 0)):
        row[f"shell_of_necrotic_core_touches {name}"] = (label[shell] == value).mean() if shell.any() else np.nan
    centre = ndimage.center_of_mass(whole) if whole.any() else (np.nan,) * 3
    for name, place, extent in zip("xyz", centre, REAL_GRID):
        row[f"centroid_fraction_of_240x240x155_LPS_array {name}"] = place * spacing / extent
    return row


def shape_statistics(label_maps: Iterable[np.ndarray], spacing: float) -> dict:
    """Quantiles of `shape_measures`, with the keys of ``brats2020_label_statistics.json``."""
    table = pd.DataFrame([shape_measures(label, spacing) for label in label_maps])
    result: dict = {"cases": len(table)}
    for name in table:
        key, _, part = name.partition(" ")
        if key == "components_over_0p1ml":
            fractions = table[name].value_counts(normalize=True)
            result[key] = {str(n): round(float(fractions.get(n, 0)), 3) for n in (1, 2, 3, 4)}
            continue
        values = {q: round(float(table[name].quantile(level)), 2) for q, level in QUANTILES.items()}
        if part:
            result.setdefault(key, {})[part] = values
        else:
            result[key] = values
    regions = ("et", "ncr", "ed", "tc")
    result["fraction_with"] = {r: round(float((table[f"volume_ml {r}"] > 0).mean()), 3) for r in regions}
    return result


def compare_shapes(simulated: dict, real: dict) -> pd.DataFrame:
    """Two results of `shape_statistics`: rows (figure, source), columns quantiles or counts."""

    def rows(statistics: dict) -> dict:
        found = {}
        for key, value in statistics.items():
            if isinstance(value, dict):
                nested = any(isinstance(v, dict) for v in value.values())
                for part, figures in value.items() if nested else [("", value)]:
                    found[f"{key.split('_of_240')[0]} {part}".strip()] = figures
        return found

    ours, theirs = rows(simulated), rows(real)
    beside = {(k, source): t[k] for k in ours for source, t in (("simulated", ours), ("real", theirs)) if k in t}
    return pd.DataFrame(beside).T


def brain_z_scores(image: np.ndarray) -> np.ndarray:
    """The image (C, X, Y, Z) in z-units, as the networks see it; zero stays zero."""
    return NormaliseBraind("image")({"image": torch.from_numpy(np.asarray(image, np.float32))})["image"].numpy()


def intensity_statistics(images: Iterable[np.ndarray], labels: Iterable[np.ndarray], least_voxels: int = 20) -> dict:
    """Z-scores of each tissue in each sequence, with the keys of ``brats2021_intensity_statistics.json``.

    Args:
        images: (4, X, Y, Z) each, channels `SEQUENCES`, background 0, any unit.
        labels: (X, Y, Z) each, 0, 1, 2, 4.
        least_voxels: a smaller tissue of a subject is left out.

    Returns:
        sequence -> tissue of `TISSUES` -> cases, mean_of_means, sd_of_means, mean_within_sd (z-units).
    """
    rows = []
    for channels, label in zip(images, labels, strict=True):
        for sequence, channel, scores in zip(SEQUENCES, channels, brain_z_scores(channels), strict=True):
            for tissue, value in TISSUES.items():
                values = scores[(channel != 0) & (label == value)].astype(np.float64)
                if values.size >= least_voxels:
                    rows.append((sequence, tissue, values.mean(), values.std()))
    groups = pd.DataFrame(rows, columns=["sequence", "tissue", "mean", "sd"]).groupby(["sequence", "tissue"])
    table = groups.agg(
        mean_of_means=("mean", "mean"),
        sd_of_means=("mean", "std"),
        mean_within_sd=("sd", "mean"),
        cases=("mean", "size"),
    )
    result: dict = {}
    for (sequence, tissue), row in table.round(2).iterrows():
        result.setdefault(sequence, {})[tissue] = row.to_dict() | {"cases": int(row["cases"])}
    return result


def compare_intensities(simulated: dict, real: dict) -> pd.DataFrame:
    """Two results of `intensity_statistics`: a row for each sequence and tissue, a pair of columns for each figure."""
    tables = {}
    for source, statistics in (("simulated", simulated), ("real", real)):
        tables[source] = pd.DataFrame(
            {(s, tissue): row for s, tissues in statistics.items() for tissue, row in tissues.items()}
        ).T
    table = pd.concat(tables, axis=1).swaplevel(axis=1)
    return table[list(FIGURES)].sort_index()

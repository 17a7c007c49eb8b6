# SPDX-License-Identifier: Apache-2.0
"""How large, how shaped and where tumours are: the same figures for simulated and for real label maps.

python -m scripts.research.cohort_statistics --folder cohort_2mm --shapes brats2020_label_statistics.json
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage
from tqdm import tqdm

from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.research.intensity_statistics import compare_intensities, intensity_statistics

REGIONS = {"wt": (1, 2, 4), "tc": (1, 4), "et": (4,), "ncr": (1,), "ed": (2,)}
QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


def measure(label: np.ndarray, spacing: float) -> dict[str, float]:
    """One label map (X, Y, Z; 0, 1, 2, 4) of `spacing` mm: volumes (ml), ratios, components, contacts, centroid."""
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
    for name, place, extent in zip("xyz", centre, (240, 240, 155)):
        row[f"centroid_fraction_of_240x240x155_LPS_array {name}"] = place * spacing / extent
    return row


def shape_statistics(label_maps: Iterable[np.ndarray], spacing: float) -> dict:
    """The figures of `brats2020_label_statistics.json`, with the same keys, for label maps of `spacing` mm."""
    table = pd.DataFrame([measure(label, spacing) for label in label_maps])
    result: dict = {"cases": len(table)}
    for name in table:
        key, _, part = name.partition(" ")
        if key == "components_over_0p1ml":
            sampling_weights = table[name].value_counts(normalize=True)
            result[key] = {str(n): round(float(sampling_weights.get(n, 0)), 3) for n in (1, 2, 3, 4)}
            continue
        values = {q: round(float(table[name].quantile(level)), 2) for q, level in QUANTILES.items()}
        if part:
            result.setdefault(key, {})[part] = values
        else:
            result[key] = values
    regions = ("et", "ncr", "ed", "tc")
    result["fraction_with"] = {r: round(float((table[f"volume_ml {r}"] > 0).mean()), 3) for r in regions}
    return result


def compare(simulated: dict, real: dict) -> pd.DataFrame:
    """Two dictionaries of `shape_statistics` beside each other: rows (figure, source), columns p5 to p95 or counts."""

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


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print what a simulated cohort on disk looks like beside real subjects."
    )
    parser.add_argument("--folder", required=True, help="a cohort written by scripts.simulation.cohort")
    parser.add_argument("--shapes", help="brats2020_label_statistics.json, or a file of that form")
    parser.add_argument("--intensities", help="brats2021_intensity_statistics.json, or a file of that form")
    options = parser.parse_args()
    items = subjects_in(options.folder, SEQUENCES)
    labels = [nib.load(item["label"]) for item in items]
    spacing = float(labels[0].header.get_zooms()[0])
    maps = [np.asarray(label.dataobj) for label in labels]
    real = json.loads(Path(options.shapes).read_text()) if options.shapes else {}
    print(compare(shape_statistics(maps, spacing), real).to_string(na_rep=""))
    scans = (np.stack([np.asarray(nib.load(item[name]).dataobj) for name in SEQUENCES]) for item in tqdm(items))
    simulated = intensity_statistics(scans, maps)
    real = json.loads(Path(options.intensities).read_text()) if options.intensities else {}
    print(compare_intensities(simulated, real).to_string(na_rep=""))


if __name__ == "__main__":
    main()

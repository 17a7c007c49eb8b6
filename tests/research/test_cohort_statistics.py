# SPDX-License-Identifier: Apache-2.0
"""Shapes and intensities of subjects that are small enough to count by hand."""

import numpy as np
import pytest
from scripts.common.sequences import SEQUENCES
from scripts.research.cohort_statistics import (
    brain_z_scores,
    compare_intensities,
    compare_shapes,
    intensity_statistics,
    shape_measures,
    shape_statistics,
)


def _label():
    """At 10 mm (1 ml a voxel): a row 4 1 2 of tumour, and one voxel of oedema apart from it."""
    label = np.zeros((24, 24, 16), dtype=np.uint8)
    label[10:13, 12, 8] = 4, 1, 2
    label[20, 12, 8] = 2
    return label


def test_volumes_ratios_and_contacts_by_hand():
    row = shape_measures(_label(), 10.0)
    assert [row[f"volume_ml {r}"] for r in ("wt", "tc", "et", "ncr", "ed")] == [4, 2, 1, 1, 2]
    assert row["ratio tc_over_wt"] == row["ratio et_over_tc"] == 0.5
    assert row["components_over_0p1ml"] == 2
    assert row["largest_component_share_of_wt"] == 0.75
    # the necrotic voxel has six neighbours: one ET, one ED, four background
    contacts = [row[f"shell_of_necrotic_core_touches {r}"] for r in ("et", "ed", "bg")]
    assert contacts == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    # mean index of 10, 11, 12, 20 is 13.25; times 10 mm over 240 mm
    assert row["centroid_fraction_of_240x240x155_LPS_array x"] == pytest.approx(13.25 / 24)


def test_statistics_have_the_keys_of_the_real_file():
    statistics = shape_statistics([_label(), _label()], 10.0)
    assert statistics["cases"] == 2
    assert statistics["volume_ml"]["wt"]["p50"] == 4
    assert statistics["components_over_0p1ml"] == {"1": 0, "2": 1, "3": 0, "4": 0}
    assert statistics["fraction_with"]["et"] == 1
    assert set(statistics["centroid_fraction_of_240x240x155_LPS_array"]) == {"x", "y", "z"}


def test_a_map_without_tumour_gives_no_ratio_instead_of_failing():
    row = shape_measures(np.zeros((4, 4, 4), dtype=np.uint8), 10.0)
    assert row["volume_ml wt"] == 0 and np.isnan(row["ratio tc_over_wt"])


def test_simulated_stands_beside_real():
    statistics = shape_statistics([_label()], 10.0)
    table = compare_shapes(statistics, statistics)
    assert (table.loc[("volume_ml wt", "simulated")].dropna() == table.loc[("volume_ml wt", "real")].dropna()).all()


def _subject() -> tuple[np.ndarray, np.ndarray]:
    """Half of the brain is oedema (label 2) of intensity 3, the other half tissue of intensity 1."""
    image, label = np.zeros((4, 12, 12, 12), np.float32), np.zeros((12, 12, 12), np.uint8)
    image[:, 2:6, 2:10, 2:10], image[:, 6:10, 2:10, 2:10] = 1, 3
    label[6:10, 2:10, 2:10] = 2
    return image, label


def test_z_scores_leave_the_background_and_have_mean_0_and_deviation_1():
    scores = brain_z_scores(_subject()[0])
    assert scores[0, 0, 0, 0] == 0 and np.unique(scores).tolist() == [-1, 0, 1]  # (1 - 2) / 1, background, (3 - 2) / 1
    assert not brain_z_scores(np.zeros((4, 3, 3, 3))).any()


def test_intensity_statistics_by_hand():
    image, label = _subject()
    statistics = intensity_statistics([image, 5 * image], [label, label])
    assert set(statistics) == set(SEQUENCES)
    assert statistics["t2"]["ed"] == {"cases": 2, "mean_of_means": 1.0, "sd_of_means": 0.0, "mean_within_sd": 0.0}
    assert statistics["t2"]["healthy"]["mean_of_means"] == -1.0 and "et" not in statistics["t2"]


def test_the_table_puts_real_beside_simulated():
    statistics = intensity_statistics(*[[part, part] for part in _subject()])
    table = compare_intensities(statistics, statistics)
    assert table.loc[("flair", "ed"), ("mean_of_means", "real")] == 1.0
    assert len(table) == 4 * 2

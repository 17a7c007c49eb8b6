# SPDX-License-Identifier: Apache-2.0
"""Shape statistics of label maps that are small enough to count by hand."""

import numpy as np
import pytest

from scripts.research.cohort_statistics import compare, measure, shape_statistics


def _label():
    """At 10 mm (1 ml a voxel): a row 4 1 2 of tumour, and one voxel of oedema apart from it."""
    label = np.zeros((24, 24, 16), dtype=np.uint8)
    label[10:13, 12, 8] = 4, 1, 2
    label[20, 12, 8] = 2
    return label


def test_volumes_ratios_and_contacts_by_hand():
    row = measure(_label(), 10.0)
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
    row = measure(np.zeros((4, 4, 4), dtype=np.uint8), 10.0)
    assert row["volume_ml wt"] == 0 and np.isnan(row["ratio tc_over_wt"])


def test_simulated_stands_beside_real():
    statistics = shape_statistics([_label()], 10.0)
    table = compare(statistics, statistics)
    assert (table.loc[("volume_ml wt", "simulated")].dropna() == table.loc[("volume_ml wt", "real")].dropna()).all()

# SPDX-License-Identifier: Apache-2.0
"""The scan that a subject's other scans are registered to, and whose grid the ready scans have."""

from collections.abc import Mapping

from scripts.preprocess.series import Series, finest

# Among equally fine scans, the first of these: T1ce shows most, and T2 is most often a stack of thick slices.
ORDER = ("t1ce", "t1", "flair", "t2")


def reference_of(scans: Mapping[str, Series]) -> str:
    """The sequence with the finest grid: the smallest of the largest voxel sizes, with 10% of tolerance; see `ORDER`.

    Args:
        scans: of one subject, by sequence.
    """
    fine = finest(list(scans.values()))
    return next(name for name in ORDER if scans.get(name) in fine)

# SPDX-License-Identifier: Apache-2.0
"""The finest scan is the reference; among equally fine ones T1ce, T1, FLAIR, T2."""

from pathlib import Path

import pytest
from scripts.preprocess.reference import reference_of
from scripts.preprocess.series import Series


@pytest.mark.parametrize(
    "thickest, reference",
    [
        ({"t1": 1.0, "t1ce": 1.0, "t2": 1.0}, "t1ce"),
        ({"t1": 1.0, "t1ce": 1.05}, "t1ce"),
        ({"t1": 1.0, "t1ce": 5.0, "flair": 1.0}, "t1"),
        ({"t2": 5.0, "flair": 1.2}, "flair"),
        ({"t2": 5.0}, "t2"),
    ],
)
def test_the_reference_is_the_finest(thickest, reference):
    scans = {name: Series(Path("a.nii"), sizes=(0.5, 0.5, size)) for name, size in thickest.items()}
    assert reference_of(scans) == reference

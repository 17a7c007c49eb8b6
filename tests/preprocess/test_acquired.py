# SPDX-License-Identifier: Apache-2.0
"""The order of scans comes from their times, or else from the numbers of their series."""

from pathlib import Path

import pytest
from scripts.preprocess.acquired import is_after, last, seconds
from scripts.preprocess.series import Series


def scan(number=None, time=None):
    facts = {"SeriesNumber": number, "AcquisitionTime": time}
    return Series(Path("a.nii.gz"), {name: value for name, value in facts.items() if value is not None})


@pytest.mark.parametrize(
    "time, expected",
    # 10 h 9 min 5.5 s are 36000 + 540 + 5.5 s
    [("10:09:5.5", 36545.5), ("0:00:00", 0.0), ("100905", None), ("", None), (None, None)],
)
def test_times_are_seconds_since_midnight(time, expected):
    assert seconds(scan(time=time)) == expected


def test_the_last_is_told_by_times_before_numbers():
    early, late = scan(3, "9:50:30.0"), scan(2, "10:09:5.0")
    assert last([late, early]) is late
    assert last([scan(3), late]).facts == {"SeriesNumber": 3}  # one time alone tells nothing
    assert last([scan(2), scan(2)]) is None and last([scan(3, "9:50:30.0"), scan(2, "9:50:30.0")]) is None
    assert last([scan(), scan(2)]) is None


def test_a_scan_is_after_another_by_times_before_numbers():
    early, late = scan(3, "9:50:30.0"), scan(2, "10:09:5.0")
    assert is_after(late, early) is True and is_after(early, late) is False and is_after(early, early) is True
    assert is_after(scan(3), late) is True and is_after(scan(1), late) is False
    assert is_after(scan(), late) is None


def test_a_scan_past_midnight_is_after_one_before_it():
    assert is_after(scan(3, "0:10:00.0"), scan(9, "23:50:00.0")) is True
    assert is_after(scan(9, "23:50:00.0"), scan(3, "0:10:00.0")) is False

# SPDX-License-Identifier: Apache-2.0
"""When a scan was acquired: by its time, or else by the number of its series."""

import re

from scripts.preprocess.sequence_of_series import number_of
from scripts.preprocess.series import Series

DAY = 24 * 3600


def last(scans: list[Series]) -> Series | None:
    """The scan acquired last, by times, or by series numbers if not all times are known; None if nothing tells it."""
    for when in (seconds, _series_number):
        known = [when(scan) for scan in scans]
        if None not in known:
            return scans[known.index(max(known))] if known.count(max(known)) == 1 else None
    return None


def is_after(scan: Series, other: Series) -> bool | None:
    """Whether a scan was acquired with another or after it, by times or else series numbers; None if nothing tells."""
    if None not in (times := (seconds(scan), seconds(other))):
        return (times[0] - times[1]) % DAY < DAY / 2  # also past midnight
    if None not in (numbers := (_series_number(scan), _series_number(other))):
        return numbers[0] >= numbers[1]
    return None


def seconds(scan: Series) -> float | None:
    """Acquisition time since midnight, which dcm2niix writes as `10:30:05.0`; None if it is not known."""
    time = re.fullmatch(r"(\d\d?):(\d\d?):(\d\d?(?:\.\d*)?)", str(scan.facts.get("AcquisitionTime")))
    return time and 3600 * int(time[1]) + 60 * int(time[2]) + float(time[3])


def _series_number(scan: Series) -> float | None:
    return number_of(scan.facts.get("SeriesNumber"))

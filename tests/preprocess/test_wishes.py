# SPDX-License-Identifier: Apache-2.0
"""The user's choice of scans is read, and a wish is one scan."""

import json
from pathlib import Path

import pytest
from scripts.common.errors import ScanError, UserError
from scripts.preprocess.series import Series
from scripts.preprocess.wishes import read_wishes, wished


def test_the_users_file_is_read(tmp_path):
    path = tmp_path / "choice.json"
    path.write_text(json.dumps({"P1": {"t1ce": 5, "flair": None}}))
    assert read_wishes(path) == {"P1": {"t1ce": "5", "flair": None}} and read_wishes(None) == {}


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "is not valid JSON"),
        ("[" * 200_000, "is not valid JSON .it is nested too deeply."),
        ('["a"]', "is no choice of scans: it needs the form"),
        ('{"P1": {"t1c": "5"}}', "has the entry 't1c': \"5\" for P1"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, message):
    path = tmp_path / "choice.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_wishes(path)
    with pytest.raises(UserError, match="give an existing file as --choice"):
        read_wishes(tmp_path / "none.json")


def test_text_of_another_alphabet_is_read(tmp_path):
    path = tmp_path / "choice.json"
    path.write_bytes('{"P1": {"t1": "Schädel"}}'.encode())
    assert read_wishes(path) == {"P1": {"t1": "Schädel"}}


SCANS = [
    Series(Path("2.nii.gz"), {"SeriesNumber": 2, "SeriesDescription": "AX T2"}),
    Series(Path("3.nii.gz"), {"SeriesNumber": 3, "SeriesDescription": "AX T2"}),
]


@pytest.mark.parametrize("wish", ["3", "3.nii.gz", "3.NII.gz"])
def test_a_scan_is_named_by_its_number_or_its_file(wish):
    assert wished("P1", SCANS, "t2", wish) is SCANS[1]


@pytest.mark.parametrize(
    "wish, message",
    [
        ("9", r"P1: '9', its t2 by --choice, fits no scan: name one of series 2 \(AX T2\), series 3"),
        ("ax t2", "'ax t2', its t2 by --choice, fits 2 scans"),
    ],
)
def test_a_wish_that_fits_none_or_several_is_refused(wish, message):
    with pytest.raises(ScanError, match=message):
        wished("P1", SCANS, "t2", wish)

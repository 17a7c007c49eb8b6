# SPDX-License-Identifier: Apache-2.0
"""Numbers, intervals and names have one form in all pages; a command writes between its markers only."""

import pytest
from scripts.common.errors import UserError
from scripts.research.markdown import DASH, difference, fill_between_markers, markers, number, span, with_interval

NAN = float("nan")


def test_an_undefined_number_is_a_dash_and_a_rounded_zero_has_no_minus():
    assert [number(value) for value in (0.12345, NAN, None, -0.0001)] == ["0.123", DASH, DASH, "0.000"]
    assert number(-0.0001, "+.3f") == "+0.000" and span(NAN, NAN) == DASH


def test_difference_is_bold_only_where_its_interval_excludes_zero_and_patients_are_not_few():
    assert difference({"mean": 0.02, "interval": [0.01, 0.03], "patients": 8}) == "**+0.020** [+0.010, +0.030]"
    assert difference({"mean": 0.02, "interval": [0.01, 0.03], "patients": 7}) == "+0.020 [+0.010, +0.030]"
    assert difference({"mean": 0.02, "interval": [-0.01, 0.03], "patients": 8}) == "+0.020 [-0.010, +0.030]"
    assert difference({"mean": 0.02, "interval": [NAN, NAN], "patients": 8}) == f"+0.020 {DASH}"


def test_interval_is_scaled_with_its_mean():
    assert with_interval({"mean": 0.5, "interval": [0.25, 0.75]}, ".1f", 100) == "50.0 [25.0, 75.0]"


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    begin, end = markers("scripts.research.any")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    fill_between_markers(page, "scripts.research.any", ["new"])
    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    page.write_text(f"{end}\n{begin}\n")
    with pytest.raises(UserError, match="page.md must have the line"):
        fill_between_markers(page, "scripts.research.any", ["new"])

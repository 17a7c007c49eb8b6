# SPDX-License-Identifier: Apache-2.0
"""The benchmark's table says whether a limit is met, and on which machine."""

import math
from importlib.metadata import version

from scripts.research.benchmark.table import Row, facts, page_lines


def test_upper_limit_is_met_at_the_limit_but_not_above_nor_by_nan():
    assert Row("", 1.10, "{:.2f}", 1.10).met is True
    assert Row("", 1.11, "{:.2f}", 1.10).met is False
    assert Row("", math.nan, "{:.2f}", 1.10).met is False
    assert Row("", 1.0, "{:.2f}").met is None


def test_lower_limit_is_met_at_the_limit_but_not_below_nor_by_nan():
    assert Row("", 1.3, "{:.2f}", 1.3, at_least=True).met is True
    assert Row("", 1.29, "{:.2f}", 1.3, at_least=True).cells()[2:] == ["at least 1.30", "**no**"]
    assert Row("", math.nan, "{:.2f}", 1.3, at_least=True).met is False


def test_table_has_a_line_for_each_row_and_the_facts_below():
    rows = [Row("memory", 4.5, "{:.1f} GiB", 4.0, "peak"), Row("time", 2.0, "{:.2f} s")]
    assert page_lines(rows, {"seed": "0"}) == [
        "| what | measured | asked | met |",
        "| --- | --- | --- | --- |",
        "| memory | 4.5 GiB (peak) | at most 4.0 GiB | **no** |",
        "| time | 2.00 s |  |  |",
        "",
        "- seed: 0",
    ]


def test_facts_name_the_machine_the_versions_and_the_command():
    known = facts(2, 7, ["--scans", "my scans"])
    assert known["threads of torch"] == "2" and known["seed"] == "7" and float(known["memory"].split()[0]) > 0
    assert "torch " + version("torch") in known["versions"]
    assert known["command"] == "`python -m scripts.research.benchmark --scans 'my scans'`"

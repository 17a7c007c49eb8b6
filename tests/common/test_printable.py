# SPDX-License-Identifier: Apache-2.0
import os

import pytest
from scripts.common.printable import name_problem, printable, shortened, some_of


@pytest.mark.parametrize(
    "name, problem, shown",
    [
        ("Müller 1", None, "Müller 1"),
        ("P\n1", "has a line break or another control character", "P%0A1"),
        ("P\x1b[31m", "has a line break or another control character", "P%1B[31m"),
        (os.fsdecode(b"M\xfcller"), "has bytes that are no text of UTF-8", "M%FCller"),
        ("x" * 200, None, "x" * 200),
        ("report.html", "is that of a file in the folder of results", "report.html"),
        ("ü" * 101, "has more than 200 bytes", "ü" * 101),
    ],
)
def test_a_name_that_cannot_be_that_of_the_results_is_told_and_made_printable(name, problem, shown):
    assert name_problem(name) == problem and printable(name) == shown
    shown.encode()


def test_a_long_text_loses_its_middle():
    assert shortened("abcdefghij", 4) == "ab ... ij" and shortened("abcd", 4) == "abcd"


def test_the_first_of_many_names_are_told_and_how_many_more_there_are():
    assert some_of("abc") == "a, b, c" and some_of(["b", "a"], 1) == "b and 1 more" and some_of([]) == ""

# SPDX-License-Identifier: Apache-2.0
"""The benchmark's command checks its arguments before anything runs, and writes into its page."""

import argparse

import pytest
from scripts.research.benchmark.__main__ import COMMAND, main, parts_of, positive
from scripts.research.markdown import markers
from tiny import ROOT


def test_parts_and_numbers_are_checked():
    assert parts_of("step,batch") == ("step", "batch")
    with pytest.raises(argparse.ArgumentTypeError, match="no part 'steps', only step, inference, start"):
        parts_of("steps")
    with pytest.raises(argparse.ArgumentTypeError, match="'0' is not a whole number of at least 1"):
        positive("0")


def test_the_table_goes_between_the_markers_of_the_page(tmp_path, capsys):
    begin, end = markers(COMMAND)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    main(["--quick", "--only", "step", "--page", str(page)])
    text = page.read_text()
    assert text.startswith(f"before\n{begin}\n\n| what |") and text.endswith(f"{end}\nafter\n") and "old" not in text
    assert "joint step" in capsys.readouterr().out


def test_the_shipped_page_has_the_markers():
    text = (ROOT / "docs" / "benchmark.md").read_text()
    assert all(text.count(marker) == 1 for marker in markers(COMMAND))

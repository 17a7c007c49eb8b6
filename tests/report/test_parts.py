# SPDX-License-Identifier: Apache-2.0
"""Parts on disk."""

import pytest
from scripts.common.errors import UserError
from scripts.report.page import write_report
from scripts.report.parts import forget_failures, part_path, read_parts, read_picture, remove_parts

from tests.report.helpers import facts, save_parts


def test_a_file_that_is_not_a_part_is_named(tmp_path):
    save_parts(tmp_path, facts("A"))
    part_path(tmp_path / "report", "B").write_text("no JSON")
    with pytest.raises(UserError, match="B.html.part is not a part of a report"):
        write_report(tmp_path)


def test_parts_of_an_earlier_run_are_removed(tmp_path):
    save_parts(tmp_path, facts("A"), {"subject": "B", "failed": "B: why"})
    remove_parts(tmp_path / "report")
    assert list(read_parts(tmp_path / "report")) == []


def test_failures_are_forgotten_and_pictures_kept(tmp_path):
    parts = tmp_path / "report"
    save_parts(tmp_path, facts("A"), facts("B") | {"failed": "B: why"}, {"subject": "C", "failed": "C: why"})
    forget_failures(parts, {"A", "C"})
    assert list(read_parts(parts)) == [facts("A"), facts("B") | {"failed": "B: why"}]
    forget_failures(parts)
    assert list(read_parts(parts)) == [facts("A"), facts("B")] and read_picture(parts, "B") == "<p>picture of 1</p>\n"

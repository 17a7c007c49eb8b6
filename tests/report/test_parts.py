# SPDX-License-Identifier: Apache-2.0
"""Parts on disk."""

import pytest
from scripts.common.errors import UserError
from scripts.report.page import write_report
from scripts.report.parts import part_path, read_parts, remove_parts

from tests.report.helpers import facts, save_parts


def test_a_file_that_is_not_a_part_is_named(tmp_path):
    save_parts(tmp_path, facts("A"))
    part_path(tmp_path / "report", "B").write_text("no JSON")
    with pytest.raises(UserError, match="B.html.part is not a part of a report"):
        write_report(tmp_path)


def test_parts_are_removed_all_or_only_those_of_failed_subjects(tmp_path):
    save_parts(tmp_path, facts("A"), {"subject": "B", "failed": "B: why"})
    remove_parts(tmp_path / "report", failed_only=True)
    assert [record["subject"] for record in read_parts(tmp_path / "report")] == ["A"]
    remove_parts(tmp_path / "report")
    assert list(read_parts(tmp_path / "report")) == []

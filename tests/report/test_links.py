# SPDX-License-Identifier: Apache-2.0
"""Links to files beside the page."""

import os

from scripts.report.links import existing_links, relative_link


def test_links_are_relative_and_percent_encoded(tmp_path):
    for name in ("table.csv", 'a "b" #1?.csv', "javascript:alert(1)"):
        (tmp_path / name).write_text("")
    assert relative_link(tmp_path / "table.csv", tmp_path) == "table.csv"
    assert relative_link(tmp_path / "table.csv", tmp_path / "page") == "../table.csv"
    assert relative_link(tmp_path / 'a "b" #1?.csv', tmp_path) == "a%20%22b%22%20%231%3F.csv"
    assert relative_link(tmp_path / "javascript:alert(1)", tmp_path) == "javascript%3Aalert%281%29"


def test_a_name_that_is_no_utf_8_has_a_link(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    with open(path, "w"):
        pass
    assert relative_link(path, tmp_path) == "%FF.csv"


def test_only_files_that_are_there_are_linked(tmp_path):
    (tmp_path / "a.csv").write_text("")
    files = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / ("long" * 100)]
    assert existing_links(files, tmp_path) == {"a.csv": "a.csv"}

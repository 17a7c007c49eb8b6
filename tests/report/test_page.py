# SPDX-License-Identifier: Apache-2.0
"""The page: it loads nothing, it is written in a stream, and any text is escaped."""

import re
import subprocess
import sys
import tracemalloc

import pytest
from scripts.common.errors import UserError
from scripts.report.__main__ import main
from scripts.report.page import write_report
from scripts.report.parts import write_part
from scripts.report.run_info import read_run, write_run
from tiny import ROOT

from tests.report.helpers import facts, save_cases, save_label_map, save_parts, write_page


def test_hostile_names_flags_and_settings_are_escaped(tmp_path):
    odd = "<img src=x onerror=alert(1)>&\"'"
    save_parts(tmp_path, facts(odd, flags=["<script>alert(2)"], network="<b>"))
    write_part(tmp_path / "report", {"subject": "<i>", "failed": "<u>"})
    write_run(tmp_path, "inference", {"<s>": "<a href='http://x'>"})
    page = write_page(tmp_path)
    for tag in ("<img", "<script>alert", "<i>", "<u>", "<s>", "<a href='"):
        assert tag not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&#34;&#39;" in page


def test_hostile_names_of_subjects_and_networks_are_escaped_in_an_evaluation(tmp_path):
    odd, network = "<img src=x onerror=alert(1)>&\"'", "</script><script>alert(2)"
    save_cases(tmp_path, {odd: 0.5}, [("student", "t1"), (network, "<svg/onload=alert(3)>")])
    save_parts(tmp_path, {"subject": odd}, {"subject": "<i>", "failed": "<u>"})
    page = write_page(tmp_path)
    for tag in ("<img", "<script>alert", "<i>", "<u>", "<svg/"):
        assert tag not in page
    assert page.count("<h3>&lt;img src=x onerror=alert(1)&gt;&amp;&#34;&#39;</h3>") == 1
    assert page.count("&lt;/script&gt;&lt;script&gt;alert(2)") == 4  # switch, summary, ranking, card
    assert page.count("</script>") == 1


@pytest.mark.parametrize("kind", ["inference", "evaluation"])
def test_the_page_loads_nothing_from_elsewhere(tmp_path, kind):
    save_parts(tmp_path, facts("A"))
    save_label_map(tmp_path, "A")
    if kind == "evaluation":
        save_cases(tmp_path, {"A": 0.5})
        (tmp_path / "evaluation.png").write_bytes(b"any picture")
    page = write_page(tmp_path)
    links = re.findall(r"""\b(?:src|href|action|data)\s*=\s*["']?([^"'\s>]*)""", page)
    assert links and all(link.startswith(("#", "data:image/")) or (tmp_path / link).is_file() for link in links)
    assert {"inference": "A/A_seg.nii.gz", "evaluation": "cases.csv"}[kind] in links
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", page)
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in page


def test_the_same_results_give_the_same_bytes_and_no_date_unless_asked(tmp_path):
    save_parts(tmp_path, facts("A"), facts("B"))
    first = write_page(tmp_path)
    assert write_page(tmp_path) == first
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d", first)
    assert "Run: 1 May 2026." in write_page(tmp_path, when="1 May 2026")


def test_memory_does_not_grow_with_pictures(tmp_path):
    for number in range(30):
        write_part(tmp_path / "report", facts(f"S{number}"), "x" * 1_000_000)
    tracemalloc.start()
    path = write_report(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 30_000_000 and peak < 4_000_000


def test_a_failed_writing_leaves_the_old_page(tmp_path, monkeypatch):
    save_parts(tmp_path, facts("A"))
    old = write_page(tmp_path)

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("scripts.report.page.read_picture", fail)
    with pytest.raises(UserError, match="report.html cannot be written .disk full."):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "report.html"]


def test_a_stopped_run_has_a_report_of_what_was_done(tmp_path, capsys):
    save_parts(tmp_path, facts("A"))
    (tmp_path / "report" / ".12.B.html.part").write_text("half")
    main([str(tmp_path)])
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert "<h3>A</h3>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is nothing in .* to report"):
        write_report(tmp_path)


def test_a_missing_table_of_expected_accuracy_is_refused(tmp_path):
    save_parts(tmp_path, facts("A"))
    for write in (
        lambda path: main([str(tmp_path), "--expected", path]),
        lambda path: write_page(tmp_path, expected=path),
    ):
        with pytest.raises(
            UserError, match="The table of expected accuracy .*typo.json does not exist: correct its path"
        ):
            write(str(tmp_path / "typo.json"))
    assert not (tmp_path / "report.html").exists()
    write_run(tmp_path, "inference", {}, tmp_path / "none.json")  # a folder of weights need not have one
    assert "has not been measured" in write_page(tmp_path)


def test_the_table_of_expected_accuracy_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path, "inference", {}, "models/expected.json")
    assert read_run(tmp_path)["expected"] == str(tmp_path / "models" / "expected.json")


def test_the_command_runs_in_a_process_of_its_own(tmp_path):
    save_parts(tmp_path, facts("A"))
    done = subprocess.run(
        [sys.executable, "-m", "scripts.report", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path / "report.html")


def test_the_old_name_of_an_option_is_answered_with_the_new_one(tmp_path):
    with pytest.raises(UserError, match="--label_numbering is renamed to --label_convention"):
        main([str(tmp_path), "--label_numbering", "msd"])

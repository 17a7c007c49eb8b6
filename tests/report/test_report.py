# SPDX-License-Identifier: Apache-2.0
"""The page: what it says, that it loads nothing, and that it is joined without growing in memory."""

import json
import re
import tracemalloc

import pytest

from scripts.common.errors import UserError
from scripts.evaluation.summary import read_cases, write_cases
from scripts.report.__main__ import main, write_report
from scripts.report.evaluation import drawn_networks, main_network, worst_first
from scripts.report.parts import forget, part_path, read_records, write_part
from scripts.report.run import write_run

VOLUMES = {"tc": 12.34, "wt": 56.78, "et": 0.0}


def _record(subject="S1", **more) -> dict:
    return {"subject": subject, "sequences": ["t1ce", "flair"], "network": "model.pt", "volumes_ml": VOLUMES} | more


def _keep(folder, *records, picture="<p>picture of {}</p>\n") -> None:
    for record in records:
        write_part(folder / "report", record, picture.format(len(record["subject"])))


def _page(folder, **more) -> str:
    return write_report(folder, **more).read_text(encoding="utf-8")


def _expected(folder) -> str:
    dice = {region: {"mean": 0.75, "interval": [0.5, 0.9]} for region in ("tc", "wt", "et")}
    path = folder / "expected.json"
    path.write_text(json.dumps({"t1ce+flair": [{"data": "three real subjects", "subjects": 3, "dice": dice}]}))
    return str(path)


def _cases(folder, dices: dict, networks=(("teacher", "t1+t1ce+t2+flair"), ("student", "t1ce+flair"))) -> None:
    """Cases with a student's Dice per subject; the teacher is .1 worse; ET's HD95 is undefined."""
    rows = [
        {"subject": subject, "network": network, "sequences": sequences, "region": region}
        | {"dice": dice - 0.1 * (network == "teacher"), "hd95_mm": float("nan") if region == "et" else 4.5}
        | {"true_ml": 10, "predicted_ml": 8, "empty": "", "dice_cleaned": dice, "hd95_mm_cleaned": 4.5}
        for subject, dice in dices.items()
        for network, sequences in networks
        for region in ("tc", "wt", "et")
    ]
    write_cases(folder / "cases.csv", rows)


def test_a_subject_has_volumes_network_and_expected_accuracy(tmp_path):
    _keep(tmp_path, _record())
    page = _page(tmp_path, expected=_expected(tmp_path))
    for text in (
        "56.8 ml",
        "12.3 ml",
        "<b>none</b>",
        "by model.pt",
        "T1ce + FLAIR",
        "picture of 2",
        "No medical device",
    ):
        assert text in page
    assert "<b>0.75</b> <small>0.50 to 0.90</small>" in page and "measured on three real subjects" in page


def test_expected_accuracy_that_was_never_measured_is_said_to_be_unknown(tmp_path):
    _keep(tmp_path, _record(sequences=["t2"]))
    page = _page(tmp_path, expected=_expected(tmp_path))
    assert page.count("not known") == 3 and "with T2 has not been measured" in page


def test_flagged_subjects_come_first_with_their_flags(tmp_path):
    _keep(tmp_path, _record("A"), _record("B"))
    (tmp_path / "B").mkdir()
    written = {
        "flags": ["ET is larger than in training"],
        "networks": [{"file": "models/teacher.pt"}],
        "volumes_ml": VOLUMES | {"et": 99.9},
    }
    (tmp_path / "B" / "B_seg.json").write_text(json.dumps(written))
    page = _page(tmp_path)
    assert page.index("<h3>B</h3>") < page.index("<h3>A</h3>")
    assert "<b>Check:</b> ET is larger than in training" in page and "by teacher.pt" in page and "99.9 ml" in page
    assert "<b>1</b> with a warning" in page


def test_unflagged_is_told_apart_from_unchecked(tmp_path):
    _keep(tmp_path, _record("A"), _record("B", flags=[]))
    assert _page(tmp_path).count("No warning.") == 1


def test_a_subject_file_that_cannot_be_read_is_a_flag(tmp_path):
    _keep(tmp_path, _record("A"))
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "A_seg.json").write_text("{")
    assert "A_seg.json cannot be read" in _page(tmp_path)


def test_a_failed_subject_is_listed_with_its_sentence(tmp_path):
    _keep(tmp_path, _record("A"))
    write_part(tmp_path / "report", {"subject": "B", "failed": "B: x.nii is empty: export it again."})
    page = _page(tmp_path)
    assert "<li><b>B</b>: x.nii is empty: export it again.</li>" in page
    assert "<b>1</b> of 2 subjects were segmented; <b>1</b> could not be done." in page


def test_odd_names_cannot_become_html(tmp_path):
    odd = "<img src=x onerror=alert(1)>&\"'"
    _keep(tmp_path, _record(odd, flags=["<script>alert(2)"], network="<b>"))
    write_part(tmp_path / "report", {"subject": "<i>", "failed": "<u>"})
    write_run(tmp_path, "inference", {"<s>": "<a href='http://x'>"})
    page = _page(tmp_path)
    for tag in ("<img", "<script>alert", "<i>", "<u>", "<s>", "<a href='"):
        assert tag not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;" in page


@pytest.mark.parametrize("kind", ["inference", "evaluation"])
def test_the_page_loads_nothing_from_elsewhere(tmp_path, kind):
    _keep(tmp_path, _record("A"))
    if kind == "evaluation":
        _cases(tmp_path, {"A": 0.5})
        (tmp_path / "evaluation.png").write_bytes(b"any picture")
    page = _page(tmp_path)
    links = re.findall(r"""\b(?:src|href|action|data)\s*=\s*["']?([^"'\s>]*)""", page)
    assert links and all(link.startswith(("#", "data:image/")) for link in links)
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", page)
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in page


def test_the_same_results_give_the_same_bytes_and_no_date_unless_asked(tmp_path):
    _keep(tmp_path, _record("A"), _record("B"))
    first = _page(tmp_path)
    assert _page(tmp_path) == first
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d", first)
    assert "Run: 1 May 2026." in _page(tmp_path, when="1 May 2026")


def test_memory_does_not_grow_with_pictures(tmp_path):
    for number in range(30):
        write_part(tmp_path / "report", _record(f"S{number}"), "x" * 1_000_000)
    tracemalloc.start()
    path = write_report(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 30_000_000 and peak < 3_000_000


def test_a_failed_writing_leaves_the_old_page(tmp_path, monkeypatch):
    _keep(tmp_path, _record("A"))
    old = _page(tmp_path)

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("scripts.report.segmentation.copy_picture", fail)
    with pytest.raises(UserError, match="report.html cannot be written .disk full."):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "report.html"]


def test_a_stopped_run_has_a_report_of_what_was_done(tmp_path, capsys):
    _keep(tmp_path, _record("A"))
    (tmp_path / "report" / ".12.B.html.part").write_text("half")
    main([str(tmp_path)])
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert "<h3>A</h3>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is nothing in .* to report"):
        write_report(tmp_path)


def test_a_table_of_expected_accuracy_that_does_not_exist_is_refused(tmp_path):
    _keep(tmp_path, _record("A"))
    for write in (lambda path: main([str(tmp_path), "--expected", path]), lambda path: _page(tmp_path, expected=path)):
        with pytest.raises(UserError, match="There is no table of expected accuracy .*typo.json: correct its path"):
            write(str(tmp_path / "typo.json"))
    assert not (tmp_path / "report.html").exists()
    write_run(tmp_path, "inference", {}, tmp_path / "none.json")  # a folder of weights need not have one
    assert "has not been measured" in _page(tmp_path)


def test_a_foreign_part_is_named(tmp_path):
    _keep(tmp_path, _record("A"))
    part_path(tmp_path / "report", "B").write_text("no JSON")
    with pytest.raises(UserError, match="B.html.part is no part of a report"):
        write_report(tmp_path)


def test_only_the_failed_are_forgotten_where_asked(tmp_path):
    _keep(tmp_path, _record("A"), {"subject": "B", "failed": "B: why"})
    forget(tmp_path / "report", failed_only=True)
    assert [record["subject"] for record in read_records(tmp_path / "report")] == ["A"]
    forget(tmp_path / "report")
    assert list(read_records(tmp_path / "report")) == []


def test_an_evaluation_shows_the_worst_subject_of_the_student_first(tmp_path):
    _cases(tmp_path, {"good": 0.9, "bad": 0.2, "middle": 0.5})
    _keep(tmp_path, *({"subject": subject} for subject in ("good", "bad", "middle")))
    page = _page(tmp_path)
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["bad", "middle", "good"]
    assert page.index("picture of 3") < page.index("picture of 6") < page.index("picture of 4")
    assert worst_first(read_cases(tmp_path / "cases.csv"), "teacher") == ["bad", "middle", "good"]


def test_the_summary_has_every_network_with_intervals_and_undefined_counts(tmp_path):
    _cases(tmp_path, {"a": 0.4, "b": 0.6})
    page = _page(tmp_path)
    # the student's mean is (.4 + .6) / 2, the teacher's .1 less; ET's distance is undefined for both subjects
    assert "<b>0.500</b><small>[0.400, 0.600]</small>" in page and "<b>0.400</b><small>[0.300, 0.500]</small>" in page
    assert page.count("2 undefined") == 3  # of teacher, student and their difference
    assert "student minus teacher" in page and "<b>0.100</b>" in page


def test_undefined_values_sort_as_not_a_number(tmp_path):
    _cases(tmp_path, {"a": 0.4, "b": 0.6})
    assert 'data-v="NaN">' in _page(tmp_path) and 'data-v="nan"' not in _page(tmp_path)


def test_fifteen_networks_have_a_page(tmp_path):
    from scripts.common.sequences import limited_subsets, subset_name

    names = [("teacher", "t1+t1ce+t2+flair")] + [(subset_name(s), subset_name(s)) for s in limited_subsets()]
    _cases(tmp_path, {"a": 0.4, "b": 0.6}, names)
    page = _page(tmp_path)
    assert "mean Dice of t1ce+flair" in page and page.count('name="net"') == 2


@pytest.mark.parametrize(
    "networks, first, drawn",
    [
        (["teacher", "student"], "student", ["student", "teacher"]),
        (["student"], "student", ["student"]),
        (["teacher", "student", "ensemble"], "student", ["student", "teacher", "ensemble"]),
        (["teacher", "t1", "t2", "flair", "t1ce+flair"], "t1ce+flair", ["t1ce+flair", "teacher"]),
        (["teacher"], "teacher", ["teacher"]),
    ],
)
def test_the_student_is_what_is_ranked_and_drawn_first(networks, first, drawn):
    assert main_network(networks) == first and drawn_networks(networks) == drawn

# SPDX-License-Identifier: Apache-2.0
"""What the page of an evaluation says about networks and subjects."""

import re

import pytest
from scripts.evaluation.summary import read_cases
from scripts.report.evaluation_page import main_network, networks_to_draw, worst_first
from scripts.report.run_info import write_run

from tests.report.helpers import save_cases, save_parts, write_page


def test_an_evaluation_shows_the_worst_subject_of_the_student_first(tmp_path):
    save_cases(tmp_path, {"good": 0.9, "bad": 0.2, "middle": 0.5})
    save_parts(tmp_path, *({"subject": subject} for subject in ("good", "bad", "middle")))
    page = write_page(tmp_path)
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["bad", "middle", "good"]
    assert page.index("picture of 3") < page.index("picture of 6") < page.index("picture of 4")
    assert worst_first(read_cases(tmp_path / "cases.csv"), "teacher") == ["bad", "middle", "good"]


def test_the_summary_has_every_network_with_intervals_and_undefined_counts(tmp_path):
    save_cases(tmp_path, {"a": 0.4, "b": 0.6})
    page = write_page(tmp_path)
    # the student's mean is (.4 + .6) / 2, the teacher's .1 less; ET's distance is undefined for both subjects
    assert "<b>0.500</b><small>[0.400, 0.600]</small>" in page and "<b>0.400</b><small>[0.300, 0.500]</small>" in page
    assert page.count("2 undefined") == 3  # of teacher, student and their difference
    assert "student minus teacher" in page and "<b>0.100</b>" in page


def test_warnings_of_the_evaluation_stand_at_the_top_and_are_escaped(tmp_path):
    save_cases(tmp_path, {"a": 0.4})
    write_run(tmp_path, "evaluation", {"part": "all", "warnings": ["1 of 1 <b> was in the training."]})
    page = write_page(tmp_path)
    assert "<b>Warning:</b> 1 of 1 &lt;b&gt; was in the training." in page.split("<main>")[0]
    assert "<dt>part</dt>" in page and "<dt>warnings</dt>" not in page


def test_undefined_values_sort_as_not_a_number(tmp_path):
    save_cases(tmp_path, {"a": 0.4, "b": 0.6})
    assert 'data-v="NaN">' in write_page(tmp_path) and 'data-v="nan"' not in write_page(tmp_path)


def test_fifteen_networks_have_a_page(tmp_path):
    from scripts.common.sequences import limited_subsets, subset_name

    names = [("teacher", "t1+t1ce+t2+flair")] + [(subset_name(s), subset_name(s)) for s in limited_subsets()]
    save_cases(tmp_path, {"a": 0.4, "b": 0.6}, names)
    page = write_page(tmp_path)
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
def test_the_student_ranks_subjects_and_is_drawn_first(networks, first, drawn):
    assert main_network(networks) == first and networks_to_draw(networks) == drawn

# SPDX-License-Identifier: Apache-2.0
"""The page has a table of gains for each part and group, and a figure."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from scripts.research.study.figure import arm_label, gain_figure
from scripts.research.study.page import study_lines, subset_table, summary_table
from scripts.research.study.plan import Plan
from scripts.research.study.results import COLUMNS, TRAINING_COLUMNS
from scripts.research.study.statistics import gains

pytestmark = pytest.mark.filterwarnings("error")


def _table() -> pd.DataFrame:
    """The control has .5; soft gains .06 and .02 (subjects a, b) on FLAIR with one seed, masked loses .1 and .05."""
    dice = {"alone": (0.5, 0.5), "soft": (0.56, 0.52), "masked": (0.4, 0.45)}
    rows = [
        (arm, "flair", 0, 0, "student", subject, region, value, 2.0, 10.0, 9.0)
        for arm, values in dice.items()
        for subject, value in zip("ab", values)
        for region in ("tc", "wt", "et")
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_summary_has_the_control_first_and_then_the_arms_by_gain():
    lines = summary_table(gains(_table(), "alone", resamples=300), "alone")
    assert lines[2:] == [
        "| alone | 1 | 1 | 2 | 0.500 | 0.500 | 0.500 | 0.500 | – | – | – |",
        "| soft | 1 | 1 | 2 | 0.540 | 0.540 | 0.540 | 0.540 | **+0.040** [+0.020, +0.060] | – | 0.50 |",
        "| masked | 1 | 1 | 2 | 0.425 | 0.425 | 0.425 | 0.425 | **-0.075** [-0.100, -0.050] | – | 0.50 |",
    ]


def test_gains_of_each_subset_stand_below_the_control():
    lines = subset_table(gains(_table(), "alone", resamples=300), "alone")
    assert lines[0].endswith("| FLAIR |") and lines[2] == "| alone | 0.500 |"
    assert "| soft | **+0.040** [+0.020, +0.060] |" in lines


def test_page_tells_size_and_time_of_each_part_with_results(tmp_path):
    part = {"title": "Real subjects", "control": "alone", "groups": {"GLI": "a"}}
    plan = Plan({"parts": {"real": part, "later": part}}, tmp_path)
    assert study_lines(plan, tmp_path, tmp_path / "study.png") == []
    _table().to_csv(tmp_path / "study_real.csv", index=False)
    trainings = [
        ("real", arm, "flair", 0, 0, 100 * n, seconds, 2, "hash")
        for n, arm, seconds in ((1, "alone", 1800), (1, "soft", 3600), (3, "masked", None))
    ]
    pd.DataFrame(trainings, columns=TRAINING_COLUMNS).to_csv(tmp_path / "study_trainings.csv", index=False)
    lines = study_lines(plan, tmp_path, tmp_path / "study.png", resamples=300)
    assert lines[0].endswith("(study.png)") and (tmp_path / "study.png").is_file()
    # (1800 + 3600) s x 2 cores
    assert (
        "3 arms, 3 trainings of 100 to 300 steps, 2 subjects; 3.0 core-hours (1 trainings were interrupted and are not "
        "in it)." in lines
    )
    assert lines.count("## Real subjects") == 1 and "### GLI" in lines


def test_figure_has_a_panel_for_each_table_and_a_row_for_each_arm(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *given: figures.append(figure) or save(figure, *given))
    table = gains(_table(), "alone", resamples=300)
    assert gain_figure({"GLI": table[table.arm != "alone"], "SSA": table[table.arm == "soft"]}, tmp_path / "study.png")
    panels = figures[0].axes
    assert [panel.get_title() for panel in panels] == ["GLI (n = 2)", "SSA (n = 2)"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["soft", "masked"]
    points = {round(line.get_xdata()[0], 6) for line in panels[0].lines if line.get_marker() in "oD"}
    assert points == {0.04, -0.075}
    assert not gain_figure({"GLI": table[table.arm == "none"]}, tmp_path / "none.png")


def test_labels_name_the_network_unless_it_is_the_student():
    assert arm_label("soft_targets") == "soft targets" and arm_label("mutual", "ensemble") == "mutual, ensemble"

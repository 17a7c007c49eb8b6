# SPDX-License-Identifier: Apache-2.0
"""The figure has a panel for each table of gains and a row for each arm."""

import pandas as pd
import pytest
from matplotlib.figure import Figure
from scripts.research.study.figure import arm_label, gain_figure

pytestmark = pytest.mark.filterwarnings("error")


def _gains() -> pd.DataFrame:
    """Gains of two arms on FLAIR and so over all subsets."""
    rows = [
        {"arm": arm, "network": "student", "subset": subset, "region": "mean", "gain": gain, "subjects": 2}
        | {"low": gain - 0.01, "high": gain + 0.01, "by_seed": (gain - 0.005, gain + 0.005)}
        for arm, gain in (("masked", -0.075), ("soft", 0.04))
        for subset in ("all", "flair")
    ]
    return pd.DataFrame(rows)


def test_figure_has_a_panel_for_each_table_and_a_row_for_each_arm(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *given: figures.append(figure) or save(figure, *given))
    table = _gains()
    assert gain_figure({"GLI": table, "SSA": table[table.arm == "soft"]}, tmp_path / "study.png")
    panels = figures[0].axes
    assert [panel.get_title() for panel in panels] == ["GLI\n(n = 2)", "SSA\n(n = 2)"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["soft", "masked"]
    points = [round(line.get_xdata()[0], 6) for line in panels[0].lines if line.get_marker() in "oD"]
    assert points == [-0.075, 0.04]  # one each: a single subset is the same as all of them
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["FLAIR", "a single seed"]
    assert not gain_figure({"GLI": table[table.arm == "none"]}, tmp_path / "none.png")


def test_labels_name_the_network_unless_it_is_the_student():
    assert arm_label("soft_targets") == "soft targets" and arm_label("mutual", "ensemble") == "mutual, ensemble"

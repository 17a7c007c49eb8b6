# SPDX-License-Identifier: Apache-2.0
"""Box plots and dot plots show every subject, whatever the number of networks and undefined values."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from scripts.evaluation.figures import NETWORK_COLOURS, box_plot, dot_plot, evaluation_figure

pytestmark = pytest.mark.filterwarnings("error")


def _cases(subjects: int, networks=("teacher", "student"), hd95_mm: float = 3.0) -> pd.DataFrame:
    rows = [
        {"subject": str(s), "network": n, "sequences": "flair", "region": r, "dice": 0.5 + s / 200, "hd95_mm": hd95_mm}
        for s in range(subjects)
        for n in networks
        for r in ("tc", "wt", "et")
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures that were saved, in order."""
    figures, save = [], Figure.savefig

    def remember(figure, *arguments, **options):
        figures.append(figure)
        return save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", remember)
    return figures


@pytest.mark.parametrize("subjects", [1, 11, 100])
@pytest.mark.parametrize("networks", [("student",), ("teacher", "student", "control")])
def test_any_number_of_subjects_and_networks_can_be_drawn(tmp_path, subjects, networks):
    box_plot(_cases(subjects, networks), tmp_path / "evaluation.png")
    assert imread(tmp_path / "evaluation.png").shape[:2] == (750, 1500)


def test_every_subject_is_a_point_of_a_box_plot(tmp_path, drawn):
    box_plot(_cases(11), tmp_path / "evaluation.png")
    dice_axes = drawn[0].axes[0]
    assert len(dice_axes.collections) == 6  # three regions of two networks
    for points in dice_axes.collections:
        heights = sorted(points.get_offsets()[:, 1].tolist())
        assert heights == pytest.approx([0.5 + s / 200 for s in range(11)])


def test_number_of_subjects_and_sequences_are_told(tmp_path, drawn):
    box_plot(_cases(11), tmp_path / "evaluation.png")
    assert "n = 11" in drawn[0].get_suptitle()
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["teacher (flair)", "student (flair)"]


def test_undefined_distances_are_counted_under_their_region(tmp_path, drawn):
    cases = _cases(4)
    cases.loc[(cases.region == "et") & (cases.network == "student") & (cases.subject < "3"), "hd95_mm"] = np.nan
    box_plot(cases, tmp_path / "evaluation.png")
    labels = [label.get_text() for label in drawn[0].axes[1].get_xticklabels()]
    assert labels == ["WT\nwhole tumour", "TC\ntumour core", "ET\nenhancing tumour\nundefined: 0/3"]


def test_a_measure_that_is_undefined_everywhere_can_be_drawn(tmp_path):
    box_plot(_cases(3, hd95_mm=np.nan), tmp_path / "evaluation.png")


def test_large_distances_are_inside_the_axes(tmp_path, drawn):
    box_plot(_cases(3, hd95_mm=180), tmp_path / "evaluation.png")
    assert drawn[0].axes[1].get_ylim()[1] > 180


def test_more_networks_than_colours_are_refused(tmp_path):
    with pytest.raises(ValueError, match="colours for 4 networks"):
        box_plot(_cases(1, [str(n) for n in range(len(NETWORK_COLOURS) + 1)]), tmp_path / "evaluation.png")


@pytest.mark.parametrize("networks", [1, 4, 5, 15])
def test_an_evaluation_of_any_number_of_networks_has_a_figure(tmp_path, networks):
    evaluation_figure(_cases(3, [f"n{n}" for n in range(networks)]), tmp_path / "evaluation.png")
    assert imread(tmp_path / "evaluation.png").shape[1] == 1500


def test_every_subject_is_a_dot_of_a_dot_plot_and_the_mean_a_tick(tmp_path, drawn):
    cases = _cases(3, [f"n{n}" for n in range(15)])
    cases.loc[cases.region == "et", "hd95_mm"] = np.nan
    dot_plot(cases, tmp_path / "evaluation.png")
    dice_wt, *_, hd95_et = drawn[0].axes
    assert len(dice_wt.collections) == 15
    assert dice_wt.collections[0].get_offsets()[:, 0].tolist() == pytest.approx([0.5, 0.505, 0.51])
    assert dice_wt.lines[0].get_xdata() == pytest.approx([0.505, 0.505])  # (.5 + .505 + .51) / 3
    assert len(hd95_et.lines) == 0


def test_a_dot_plot_tells_how_many_values_of_a_row_are_undefined(tmp_path, drawn):
    cases = _cases(4, ("a", "b"))
    cases.loc[(cases.network == "b") & (cases.region == "et") & (cases.subject != "0"), "hd95_mm"] = np.nan
    dot_plot(cases, tmp_path / "evaluation.png")
    told = [[(text.get_text(), text.xy[1]) for text in panel.texts] for panel in drawn[0].axes]
    assert [texts for texts in told if texts] == [[("3", 1)]]
    assert drawn[0].get_suptitle().endswith("number on the right: undefined")
    dot_plot(_cases(4), tmp_path / "evaluation.png")
    assert not any(panel.texts for panel in drawn[1].axes) and "undefined" not in drawn[1].get_suptitle()

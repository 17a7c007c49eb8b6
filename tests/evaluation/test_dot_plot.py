# SPDX-License-Identifier: Apache-2.0
"""An evaluation of any number of networks has a picture."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from scripts.evaluation.figures import dots_figure, evaluation_figure

pytestmark = pytest.mark.filterwarnings("error")


def _cases(networks: int, subjects: int = 3) -> pd.DataFrame:
    rows = [
        {"subject": str(s), "network": f"n{n}", "sequences": "flair", "region": r, "dice": s / 10, "hd95_mm": 3.0}
        for s in range(subjects)
        for n in range(networks)
        for r in ("tc", "wt", "et")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("networks", [1, 4, 5, 15])
def test_any_number_of_networks_can_be_drawn(tmp_path, networks):
    evaluation_figure(_cases(networks), tmp_path / "evaluation.png")
    assert imread(tmp_path / "evaluation.png").shape[1] == 1500


def test_every_subject_is_a_dot_and_the_mean_a_tick(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    cases = _cases(15)
    cases.loc[cases.region == "et", "hd95_mm"] = np.nan
    dots_figure(cases, tmp_path / "unused.png")
    dice_wt, *_, hd95_et = figures[0].axes
    assert len(dice_wt.collections) == 15
    assert dice_wt.collections[0].get_offsets()[:, 0].tolist() == pytest.approx([0, 0.1, 0.2])
    assert dice_wt.lines[0].get_xdata() == pytest.approx([0.1, 0.1])  # (0 + .1 + .2) / 3
    assert len(hd95_et.lines) == 0

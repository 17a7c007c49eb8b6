# SPDX-License-Identifier: Apache-2.0
"""Published results stand beside ours, with their differences."""

import pytest
from scripts.common.errors import UserError
from scripts.research.accuracy.evaluation import SUBSETS
from scripts.research.accuracy.peers import difference_table, peer_tables, read_peers
from tiny import ROOT

PEERS = ROOT / "docs" / "peers.json"


def test_peers_are_the_published_ones():
    systems = {name: table for group in read_peers(PEERS) for name, table in group["systems"].items()}
    assert systems["DeMoSeg"]["t1ce+flair"] == [91.34, 87.19, 83.95]
    # the means of their rows, as the literature review that they were taken from has them
    means = {
        "RFNet": "86.99/78.23/61.47",
        "mmFormer": "87.08/78.63/63.99",
        "DeMoSeg": "88.90/81.58/69.71",
        "ACN": "85.30/76.88/60.70",
        "SMU-Net": "85.85/77.89/61.75",
    }
    for name, expected in means.items():
        rows = [systems[name][subset] for subset in SUBSETS]
        assert [sum(column) / 15 for column in zip(*rows)] == pytest.approx(
            [float(value) for value in expected.split("/")], abs=0.006
        ), name


def test_peers_stand_beside_ours_in_per_cent(evaluation):
    ours, groups = {"GLI": evaluation, "SSA": evaluation}, read_peers(PEERS)
    lines = peer_tables(ours, groups)
    assert [line for line in lines if line.startswith("#")] == ["### WT", "### TC", "### ET"]
    rows = [line for line in lines if line.startswith("| T1ce + FLAIR |")]
    assert rows[0] == "| T1ce + FLAIR | 70.0 [60.0, 80.0] | 70.0 [60.0, 80.0] | 89.89 | 89.34 | 91.34 | 87.8 | 88.4 |"
    assert "| 25.0 [0.0, 50.0] | 75.0 [50.0, 100.0] | 75.0 [50.0, 100.0] | 76.67 |" in rows[2]  # ET also without tiny
    assert sum(line.startswith("| **mean of all 15** |") for line in lines) == 3


def test_what_differs_is_said_of_every_group(evaluation, rows_of):
    ours, groups = {"GLI": evaluation, "SSA": evaluation}, read_peers(PEERS)
    rows = rows_of(difference_table(ours, groups))
    assert rows["subjects for training"][1:] == ["219", "about 200"]
    assert rows["subjects for the test"] == ["2 of GLI, 2 of SSA", "100", "about 57"]
    assert all(len(cells) == 3 and all(cells) for cells in rows.values())


@pytest.mark.parametrize("text", ["[]", "{", '{"groups": [{"data": "x"}]}'])
def test_another_file_of_peers_is_refused_by_name(text, tmp_path):
    (tmp_path / "peers.json").write_text(text)
    with pytest.raises(UserError, match="peers.json is no table of published accuracy"):
        read_peers(tmp_path / "peers.json")

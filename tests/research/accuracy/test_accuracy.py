# SPDX-License-Identifier: Apache-2.0
"""The accuracy page says what the stored results hold, and nothing else."""

import json
from itertools import product

import pandas as pd
import pytest
from tiny import ROOT

from scripts.common.errors import UserError
from scripts.evaluation.expected import accuracy_of, read_expected
from scripts.evaluation.summary import ENTROPY, write_cases
from scripts.research.accuracy.__main__ import BEGIN, END, PEERS, write_accuracy
from scripts.research.accuracy.cases import LIMITED, SETTINGS, TEACHER, Evaluation
from scripts.research.accuracy.enhancement import enhancement_section, enhancement_table
from scripts.research.accuracy.flags import flag_table, shipped
from scripts.research.accuracy.peers import difference_table, peer_tables, read_peers
from scripts.research.accuracy.subsets import UNRELIABLE, expectations, verdict, visible
from scripts.research.accuracy.tables import aim_table, dice_table, distance_table, overview_table, teacher_gap_table

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")
DICES = {"wt": (0.6, 0.8), "tc": (0.4, 0.6), "et": (0.0, 0.5)}
"""Of a student on the subjects a and b; a has no enhancing tumour. The teacher is better by .1 on both."""


def _row(subject: str, setting: str, region: str) -> dict:
    dice = DICES[region]["ab".index(subject)] + 0.1 * (setting == TEACHER)
    row = {"subject": subject, "network": "student", "sequences": setting, "region": region, "dice": dice}
    row |= {"hd95_mm": 3.0, "true_ml": 10.0, "predicted_ml": 12.0, "empty": "", "dice_cleaned": dice}
    if subject == "a" and region == "et":
        row |= {"dice": 0.0, "hd95_mm": NAN, "true_ml": 0.0, "predicted_ml": 0.4, "empty": "truth", "dice_cleaned": 1.0}
    return row | {"hd95_mm_cleaned": row["hd95_mm"]}


def _cases() -> pd.DataFrame:
    # the order of the settings is reversed: the page has its own
    return pd.DataFrame([_row(*key) for key in product("ab", reversed(SETTINGS), ("tc", "wt", "et"))])


def _evaluation(folder, cases=None) -> Evaluation:
    write_cases(folder / "cases.csv", _cases() if cases is None else cases)
    return Evaluation(folder / "cases.csv", "make it", resamples=200)


def _rows(lines: list[str]) -> dict[str, list[str]]:
    """Cells of each row by its first cell; without the head and the line below it."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells[2:]}


def _results(folder, names=("simulated", "real_kfold", "real_seen")) -> dict:
    for name in names:
        write_cases(folder / f"{name}.csv", _cases())
    (folder / "card.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    (folder / "metadata.json").write_text('{"version": "1", "eval_metrics": {"old": 1}}')
    files = {"page": folder / "accuracy.md", "card": folder / "card.md", "expected": folder / "expected.json"}
    files["metadata"] = folder / "metadata.json"
    return {"results": folder, "peers": ROOT / PEERS, "resamples": 200} | files


def test_there_are_fifteen_settings_few_sequences_first():
    assert len(SETTINGS) == 15 and SETTINGS[-1] == TEACHER
    assert SETTINGS[:5] == ("t1", "t1ce", "t2", "flair", "t1+t1ce")
    assert [name.count("+") for name in SETTINGS] == sorted(name.count("+") for name in SETTINGS)


def test_overview_holds_means_intervals_and_means_over_settings(tmp_path):
    rows = _rows(overview_table({"simulated": _evaluation(tmp_path)}))
    assert list(rows)[0] == "T1" and list(rows)[14] == "T1 + T1ce + T2 + FLAIR" and len(rows) == 15 + 2
    # (.6 + .8) / 2; of resamples of two subjects a quarter is both times the lower one, more than 2.5%
    assert rows["T1ce + FLAIR"] == ["0.700 [0.600, 0.800]", "0.500 [0.400, 0.600]", "0.250 [0.000, 0.500]"]
    # subject a has no ET, so there the teacher is not better
    assert rows["T1 + T1ce + T2 + FLAIR"][2] == "0.300 [0.000, 0.600]"
    assert rows["**mean of the 14 limited**"][0] == "0.700 [0.600, 0.800]"
    assert rows["**mean of all 15**"][0] == "0.707 [0.607, 0.807]"  # (14 x .7 + .8) / 15


def test_enhancing_tumour_is_counted_in_three_ways(tmp_path):
    lines = dice_table(_evaluation(tmp_path))
    assert "| ET of the 1 that have it | ET predicted in the 1 that have none |" in lines[0]
    # without tiny: the .4 ml of subject a are emptied, (1 + .5) / 2; one subject has no interval
    assert _rows(lines)["T2"][3:] == ["0.483 [0.333, 0.633]", "0.750 [0.500, 1.000]", "0.500 –", "1"]


def test_undefined_distances_are_left_out_and_counted(tmp_path):
    cells = _rows(distance_table(_evaluation(tmp_path)))["T2"]
    assert cells == ["3.0 [3.0, 3.0] (0)", "3.0 [3.0, 3.0] (0)", "3.0 – (1)", "+2.0 [+2.0, +2.0]"]
    cases = _cases()
    cases.loc[cases.region == "et", "hd95_mm"] = NAN
    assert _rows(distance_table(_evaluation(tmp_path, cases)))["T2"][2] == "– (2)"


def test_students_are_paired_with_the_teacher(tmp_path):
    rows = _rows(teacher_gap_table(_evaluation(tmp_path)))
    assert len(rows) == 14 and "T1 + T1ce + T2 + FLAIR" not in rows
    # always .1 behind; in ET 0 and -.1
    assert rows["FLAIR"][:2] == ["**-0.100** [-0.100, -0.100]"] * 2
    assert rows["FLAIR"][2] == "-0.050 [-0.100, +0.000]"


def test_what_was_asked_stands_beside_what_was_measured(tmp_path):
    lines = aim_table(_evaluation(tmp_path))
    assert len(lines) == 2 + 9
    teacher, showcase, limited = lines[2], lines[5], lines[8]
    whole = "| WT | at least 0.90 | 0.800 [0.700, 0.900] | -0.100 | **no** |"
    assert teacher == f"| teacher, all four sequences {whole}"
    behind = "| WT | at least -0.02 | -0.100 [-0.100, -0.100] | -0.080 | **no** |"
    assert showcase == f"| T1ce + FLAIR minus teacher {behind}"
    assert limited == "| mean of the 14 limited | WT | at least 0.86 | 0.700 [0.600, 0.800] | -0.160 | **no** |"


def test_an_aim_that_is_just_reached_is_met(tmp_path):
    cases = _cases()
    cases.loc[cases.region == "wt", "dice"] = 0.88
    cases.loc[(cases.region == "wt") & (cases.sequences == TEACHER), "dice"] = 0.9
    met = [line for line in aim_table(_evaluation(tmp_path, cases)) if "| WT |" in line]
    assert [line.endswith("| yes |") for line in met] == [True, True, True]


def test_peers_are_the_published_ones():
    systems = {name: table for group in read_peers(ROOT / PEERS) for name, table in group["systems"].items()}
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
        rows = [systems[name][setting] for setting in SETTINGS]
        assert [sum(column) / 15 for column in zip(*rows)] == pytest.approx(
            [float(value) for value in expected.split("/")], abs=0.006
        ), name


def test_peers_stand_beside_ours_in_per_cent(tmp_path):
    one, groups = _evaluation(tmp_path), read_peers(ROOT / PEERS)
    lines = peer_tables(one, one, groups)
    assert [line for line in lines if line.startswith("#")] == ["### WT", "### TC", "### ET"]
    rows = [line for line in lines if line.startswith("| T1ce + FLAIR |")]
    assert rows[0] == "| T1ce + FLAIR | 70.0 [60.0, 80.0] | 70.0 [60.0, 80.0] | 89.89 | 89.34 | 91.34 | 87.8 | 88.4 |"
    assert "| 25.0 [0.0, 50.0] | 75.0 [50.0, 100.0] | 76.67 |" in rows[2]  # ET also without tiny
    assert sum(line.startswith("| **mean of all 15** |") for line in lines) == 3


def test_what_differs_is_said_of_every_group(tmp_path):
    one, groups = _evaluation(tmp_path), read_peers(ROOT / PEERS)
    rows = _rows(difference_table(one, one, groups))
    assert rows["subjects for training"][1:] == ["219", "about 200"]
    assert rows["subjects for the test"] == ["2 and 2", "100", "about 57"]
    assert all(len(cells) == 3 and all(cells) for cells in rows.values())


@pytest.mark.parametrize("text", ["[]", "{", '{"groups": [{"data": "x"}]}'])
def test_another_file_of_peers_is_refused_by_name(tmp_path, text):
    (tmp_path / "peers.json").write_text(text)
    with pytest.raises(UserError, match="peers.json is no table of published accuracy"):
        read_peers(tmp_path / "peers.json")


@pytest.mark.parametrize("setting", LIMITED)
def test_enhancement_is_said_to_be_invisible_exactly_without_t1ce(setting):
    shown, hidden = visible(setting)
    assert any("hardly be seen without T1ce" in text for text in hidden) == ("t1ce" not in setting.split("+"))
    assert any(text.startswith("ET") for text in shown) == ("t1ce" in setting.split("+"))


def test_oedema_is_said_to_be_hard_to_see_exactly_without_flair_and_t2():
    without = [setting for setting in SETTINGS if any("oedema, hardly" in text for text in visible(setting)[1])]
    assert without == ["t1", "t1ce", "t1+t1ce"]


def test_a_mean_has_a_word():
    assert [verdict(dice) for dice in (0.8, 0.79, 0.6, 0.4, 0.39)] == ["good", "fair", "fair", "poor", UNRELIABLE]


def test_expectations_hold_the_measured_numbers(tmp_path):
    rows = _rows(expectations(_evaluation(tmp_path)))
    assert len(rows) == 15
    assert "ET where there is any 0.50 poor" in rows["T1ce"][2]
    assert rows["T1"][2] == (
        "WT 0.70 fair; TC 0.50 poor; ET where there is any 0.50 a guess; ET drawn in 1 of 1 without any"
    )


def test_page_card_and_expected_are_written(tmp_path):
    write_accuracy(**_results(tmp_path))
    page, card = (tmp_path / "accuracy.md").read_text(), (tmp_path / "card.md").read_text()
    assert page.startswith("# Accuracy\n") and "no medical device" in page.lower() and "nan" not in page
    assert "### Real subjects that the shipped weights have been trained on" in page
    assert "before any was trained on" not in page
    assert card.startswith(f"before\n{BEGIN}\n\nDice on **2 held-out") and card.endswith(f"\n\n{END}\nafter\n")
    assert "old" not in card and "| T1ce + FLAIR | 0.700 [0.600, 0.800] |" in card
    first, second = accuracy_of(read_expected(tmp_path / "expected.json"), ["flair", "t1ce"])
    assert "by cross-validation" in first["data"] and second["data"] == "2 simulated subjects, none trained on"
    assert first["dice"]["wt"] == {"mean": 0.7, "interval": [0.6, 0.8]}


def test_same_results_give_the_same_bytes(tmp_path):
    given = _results(tmp_path, ("simulated", "real_kfold", "real_seen", "real_unseen_training"))
    texts = []
    for _ in range(2):
        write_accuracy(**given)
        texts.append([given[name].read_bytes() for name in ("page", "card", "expected")])
    assert texts[0] == texts[1]
    assert b"### Real subjects, before any was trained on" in texts[0][0]


def test_metrics_of_the_metadata_are_those_of_the_headline_setting(tmp_path):
    given = _results(tmp_path)
    write_accuracy(**given)
    about = json.loads(given["metadata"].read_text())
    # (.6 + .8) / 2, (.4 + .6) / 2, (0 + .5) / 2 as above
    assert about["version"] == "1" and about["eval_metrics"] == {
        f"{name}_dice_{region}": dice
        for name in ("real_kfold", "simulated")
        for region, dice in (("wt", 0.7), ("tc", 0.5), ("et", 0.25))
    }


def test_flags_are_counted_by_band_of_whole_tumour_dice(tmp_path):
    # WT Dice: a .6 (teacher .7), b .8 (teacher .9)
    cases = _cases().assign(**{ENTROPY: NAN})
    wt = cases.region == "wt"
    cases.loc[wt & (cases.subject == "a"), ENTROPY] = 0.31
    cases.loc[wt & (cases.subject == "b"), ENTROPY] = 0.29
    cases.loc[wt & (cases.subject == "b") & (cases.sequences == "t1"), "predicted_ml"] = 0.0
    limits = {"wt_range_ml": [1, 300], "max_entropy": 0.3}
    rows = _rows(flag_table({"here": _evaluation(tmp_path, cases)}, limits))
    assert rows["here"] == ["–", "–", "15 of 15", "1 of 15"]
    assert shipped("wt_range_ml", "max_entropy").keys() == limits.keys()
    assert _rows(flag_table({"old": _evaluation(tmp_path)}, limits))["old"] == ["–"] * 4  # no entropy was kept


TRAIN = "python -m scripts.research.train_weights"


@pytest.mark.parametrize("name, command", [("simulated", TRAIN), ("real_kfold", TRAIN), ("real_seen", TRAIN)])
def test_missing_results_are_refused_with_the_command_that_makes_them(tmp_path, name, command):
    given = _results(tmp_path)
    (tmp_path / f"{name}.csv").unlink()
    with pytest.raises(UserError, match=rf"There is no .*{name}\.csv: run `{command}"):
        write_accuracy(**given)
    assert not given["page"].exists()


def test_a_card_without_markers_is_refused_and_nothing_written(tmp_path):
    given = _results(tmp_path)
    given["card"].write_text(f"{END}\n{BEGIN}\n")
    with pytest.raises(UserError, match="card.md must have the line"):
        write_accuracy(**given)
    assert not given["page"].exists() and not given["expected"].exists()


def test_missing_networks_are_named(tmp_path):
    cases = _cases()
    with pytest.raises(UserError, match="lacks the network of t1ce, t2[+]flair:"):
        _evaluation(tmp_path, cases[~cases.sequences.isin(["t1ce", "t2+flair"])])


def test_two_networks_of_one_setting_are_refused(tmp_path):
    cases = _cases()
    again = cases[cases.sequences == "flair"].assign(network="other")
    with pytest.raises(UserError, match="two networks of flair for a"):
        _evaluation(tmp_path, pd.concat([cases, again]))


def test_networks_must_be_measured_on_the_same_subjects(tmp_path):
    cases = _cases()
    with pytest.raises(UserError, match="other subjects for t1 than for the teacher"):
        _evaluation(tmp_path, cases[(cases.sequences != "t1") | (cases.subject == "a")])


def test_the_model_card_has_its_markers_once():
    card = (ROOT / "docs" / "README.md").read_text()
    assert card.count(BEGIN) == card.count(END) == 1 and card.index(BEGIN) < card.index(END)


def test_what_the_rule_of_enhancement_does_is_counted_by_hand(tmp_path):
    for folder in ("without", "required"):
        (tmp_path / folder).mkdir()
    cases = _cases()
    et, with_t1ce = cases.region == "et", cases.sequences.str.contains("t1ce")
    # a has no ET: what was drawn is gone; in b the T1ce network loses what is there
    cases.loc[et & with_t1ce & (cases.subject == "a"), ["dice", "predicted_ml", "empty"]] = [1.0, 0.0, "both"]
    cases.loc[et & (cases.sequences == "t1ce") & (cases.subject == "b"), ["dice", "predicted_ml", "empty"]] = [
        0.0,
        0.0,
        "prediction",
    ]
    pair = _evaluation(tmp_path / "without"), _evaluation(tmp_path / "required", cases)
    rows = _rows(enhancement_table(*pair))
    assert len(rows) == 8 and not {"T1", "T2", "FLAIR", "T1 + T2"} & set(rows)
    # T1ce + FLAIR: (0 + 0.5) / 2 = 0.25, then (1 + 0.5) / 2 = 0.75; T1ce: then (1 + 0) / 2 = 0.5
    assert rows["T1ce + FLAIR"][:2] == ["0.250", "0.750"] and rows["T1ce + FLAIR"][3:] == ["1 of 1", "0 of 1", "0 of 1"]
    assert rows["T1ce"][:2] == ["0.250", "0.500"] and rows["T1ce"][3:] == ["1 of 1", "0 of 1", "1 of 1"]
    assert rows["T1ce"][2].startswith("+0.250 ")
    assert "less than 1.4 of the oedema" in "\n".join(enhancement_section({"x": pair}, 1.4))
    assert not enhancement_section({}, 1.4)


def test_the_shipped_page_is_that_of_the_shipped_results(tmp_path):
    results = ROOT / "docs" / "results"
    (tmp_path / "card.md").write_text((ROOT / "docs" / "README.md").read_text())
    (tmp_path / "metadata.json").write_text((ROOT / "configs" / "metadata.json").read_text())
    files = {"page": tmp_path / "accuracy.md", "card": tmp_path / "card.md", "expected": tmp_path / "expected.json"}
    files["metadata"] = tmp_path / "metadata.json"
    write_accuracy(results, ROOT / PEERS, **files)
    assert files["page"].read_text() == (ROOT / "docs" / "accuracy.md").read_text()
    assert files["card"].read_text() == (ROOT / "docs" / "README.md").read_text()
    assert files["metadata"].read_text() == (ROOT / "configs" / "metadata.json").read_text()
    assert json.loads(files["expected"].read_text()) == json.loads((ROOT / "models" / "expected.json").read_text())

# SPDX-License-Identifier: Apache-2.0
"""The table of expected accuracy is made from cases, read back, and may be missing."""

import hashlib
import json

import pytest
from scripts.common.errors import UserError
from scripts.evaluation.expected import expected_accuracy, main, read_expected
from scripts.evaluation.summary import write_cases


def _cases(path, dices=(0.6, 0.8), networks=(("student", "t1ce+flair"), ("teacher", "t1+t1ce+t2+flair"))):
    rows = [
        {"subject": f"s{i}", "network": network, "sequences": sequences, "region": region, "dice": dice}
        | {"hd95_mm": 1, "true_ml": 1, "predicted_ml": 1, "empty": "", "dice_cleaned": dice, "hd95_mm_cleaned": 1}
        for i, dice in enumerate(dices)
        for network, sequences in networks
        for region in ("tc", "wt", "et")
    ]
    write_cases(path, rows)
    return path


def test_each_subset_has_its_mean_interval_and_data(tmp_path):
    one, two = _cases(tmp_path / "one.csv"), _cases(tmp_path / "two.csv", (0.5,), (("student", "t1ce+flair"),))
    main([str(tmp_path / "expected.json"), f"two real subjects={one}", f"one simulated subject={two}"])
    table = read_expected(tmp_path / "expected.json")
    first, second = expected_accuracy(table, ["flair", "t1ce"])
    assert first["data"] == "two real subjects" and first["subjects"] == 2
    # (.6 + .8) / 2; of resamples of two subjects a quarter is both times the lower one, more than 2.5%
    assert first["dice"]["wt"] == {"mean": 0.7, "interval": [0.6, 0.8]}
    assert second["dice"]["et"] == {"mean": 0.5, "interval": [0.5, 0.5]}  # one subject has no spread
    assert len(expected_accuracy(table, ["t1", "t1ce", "t2", "flair"])) == 1


def test_figures_hold_for_the_weights_beside_the_table_only(tmp_path):
    cases, of = _cases(tmp_path / "cases.csv"), {}
    for name in ("model_t1ce_flair.pt", "teacher.pt"):
        (tmp_path / name).write_bytes(name.encode())
        of[name] = hashlib.sha256(name.encode()).hexdigest()
    main([str(tmp_path / "expected.json"), f"two subjects={cases}"])
    table = read_expected(tmp_path / "expected.json")
    (entry,) = expected_accuracy(table, ["t1ce", "flair"], [of["model_t1ce_flair.pt"]])
    assert entry["weights_sha256"] == of["model_t1ce_flair.pt"]
    assert len(expected_accuracy(table, ["t1", "t1ce", "t2", "flair"], [of["teacher.pt"]])) == 1
    for others in (["of retrained weights"], [], [None], list(of.values())):  # the last: an ensemble
        assert expected_accuracy(table, ["t1ce", "flair"], others) == []


def test_a_table_that_was_not_written_beside_weights_holds_for_all(tmp_path):
    main([str(tmp_path / "expected.json"), f"two subjects={_cases(tmp_path / 'cases.csv')}"])
    assert len(expected_accuracy(read_expected(tmp_path / "expected.json"), ["t1ce", "flair"], ["any"])) == 1


def test_a_missing_table_or_subset_has_no_entries(tmp_path):
    assert read_expected(tmp_path / "expected.json") == {}
    assert expected_accuracy({}, ["t1"]) == []


@pytest.mark.parametrize("text", ["[]", "{", json.dumps({"t1": [{"data": "x"}]})])
def test_another_file_is_refused_by_name(tmp_path, text):
    (tmp_path / "expected.json").write_text(text)
    with pytest.raises(UserError, match="expected.json is not a table of expected accuracy"):
        read_expected(tmp_path / "expected.json")


def test_an_evaluation_must_describe_its_data(tmp_path):
    with pytest.raises(UserError, match="does not describe the data"):
        main([str(tmp_path / "expected.json"), "cases.csv"])


def test_figures_of_networks_that_are_still_there_stay(tmp_path):
    for name in ("model_t1ce_flair.pt", "teacher.pt"):
        (tmp_path / name).write_bytes(name.encode())
    table = tmp_path / "expected.json"
    main([str(table), f"before={_cases(tmp_path / 'cases.csv')}"])
    (tmp_path / "model_t1ce_flair.pt").write_bytes(b"retrained")
    student = _cases(tmp_path / "student.csv", (0.5,), (("student", "t1ce+flair"),))
    main([str(table), f"after={student}"])
    found = {subset: entries[0]["data"] for subset, entries in read_expected(table).items()}
    assert found == {"t1ce+flair": "after", "t1+t1ce+t2+flair": "before"}
    (tmp_path / "teacher.pt").write_bytes(b"retrained, too")
    main([str(table), f"after={student}"])
    assert list(read_expected(table)) == ["t1ce+flair"]

# SPDX-License-Identifier: Apache-2.0
"""The table is made from the records that lie in the folder, run after run."""

import hashlib
import json

import pandas as pd
import pytest
from ignite.engine import Engine
from scripts.common.errors import UserError
from scripts.common.label_map_state import label_map_path, record_path
from scripts.inference.table import EARLIER_MAP, EDITED_MAP, WriteTable, recorded_problems, write_table


def _record(folder, subject, content=b"map", sha256="of the map", **more):
    """A record with 5 ml of whole tumour, and the label map's file."""
    path = label_map_path(folder, subject)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    record = {"subject": subject, "volumes_ml": {"wt": 5.0}, "networks": [{"file": "m/model_t2.pt"}], "flags": ["f"]}
    record["label_map_sha256"] = hashlib.sha256(content).hexdigest() if sha256 == "of the map" else sha256
    record_path(path).write_text(json.dumps(record | more))
    return path


def _table(folder):
    return pd.read_csv(folder / "segmentations.csv", keep_default_na=False, dtype=str).set_index("subject")


def test_a_row_for_each_record_and_each_failure(tmp_path):
    _record(tmp_path, "S1")
    write_table(tmp_path, {"S0": "S0: bad."})
    table = _table(tmp_path)
    assert table.index.to_list() == ["S0", "S1"] and table["problem"].to_list() == ["S0: bad.", ""]
    assert table["wt_ml"].to_list() == ["", "5.0"] and table["network"].to_list() == ["", "model_t2.pt"]


def test_a_failed_rerun_keeps_the_volumes_of_the_label_map_that_lies_there(tmp_path):
    _record(tmp_path, "S1")
    write_table(tmp_path, {"S1": "S1: no t1 file was found."})
    row = _table(tmp_path).loc["S1"]
    assert (row["wt_ml"], row["flags"]) == ("5.0", "f") and row["problem"] == "S1: no t1 file was found." + EARLIER_MAP


def test_a_label_map_that_was_changed_since_is_flagged(tmp_path):
    _record(tmp_path, "S1", sha256="another")
    write_table(tmp_path, {})
    row = _table(tmp_path).loc["S1"]
    assert row["flags"] == f"f; {EDITED_MAP}" and row["wt_ml"] == "5.0" and row["problem"] == ""


@pytest.mark.parametrize("map_is", ["old", "gone"])
def test_a_record_without_its_label_map_is_not_done(tmp_path, map_is):
    old = hashlib.sha256(b"map").hexdigest()
    path = _record(tmp_path, "S1", sha256="another", replaced_sha256=old)
    if map_is == "gone":
        path.unlink()
    write_table(tmp_path, {})
    row = _table(tmp_path).loc["S1"]
    assert row["wt_ml"] == "" and row["problem"].startswith("S1: a run was stopped before it saved the label map")
    assert recorded_problems(tmp_path) == {}  # it follows from the files, which may change


def test_backup_copies_of_records_are_no_records(tmp_path):
    _record(tmp_path, "P1")
    old = json.loads(record_path(label_map_path(tmp_path, "P1")).read_text()) | {"volumes_ml": {"wt": 99.0}}
    for backup in ("P1_before/P1_seg.json", "P1/P1_v1_seg.json", "Z/Z_seg.json"):
        (tmp_path / backup).parent.mkdir(exist_ok=True)
        (tmp_path / backup).write_text(json.dumps(old))
        (tmp_path / backup.replace(".json", ".nii.gz")).write_bytes(b"map")
    write_table(tmp_path, {})
    assert _table(tmp_path)["wt_ml"].to_dict() == {"P1": "5.0"}


def test_problems_of_subjects_of_another_run_are_kept(tmp_path):
    for number, failures in enumerate(({"BAD": "BAD: bad.", "S2": "S2: bad."}, {"S3": "S3: bad."})):
        running = Engine(lambda engine, batch: None)
        running.failures = failures
        WriteTable(tmp_path, [{"subject": "S2"}, {"subject": ["BAD", "S3"][number]}]).attach(running)
        running.run([1])
    # S2 was in the second run and did not fail there
    assert _table(tmp_path)["problem"].to_dict() == {"BAD": "BAD: bad.", "S3": "S3: bad."}
    _record(tmp_path, "BAD")
    running.run([1])
    assert _table(tmp_path)["problem"].to_dict() == {"BAD": "", "S3": "S3: bad."}


def test_other_json_files_are_no_records(tmp_path):
    _record(tmp_path, "S1")
    for name, text in (("S2", "{"), ("S3", "[]"), ("S4", '{"subject": "S4", "volumes_ml": 5, "networks": []}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_seg.json").write_text(text)
    write_table(tmp_path, {})
    assert _table(tmp_path).index.to_list() == ["S1"]


def test_a_name_that_is_no_text_costs_no_table(tmp_path):
    write_table(tmp_path, {"M\udcfcller": "M\udcfcller: bad."})
    assert _table(tmp_path).index.to_list() == ["M\\udcfcller"]


def test_spreadsheets_do_not_run_a_text_as_a_formula(tmp_path):
    names = ['=HYPERLINK("x")', "-1", "@a", "+b", "'=c", "P'=d", "'e"]
    _record(tmp_path, "-1", volumes_ml={"wt": -5.0})
    problems = {name: f"{name}: bad." for name in names[2:]} | {names[0]: "=2: bad."}
    write_table(tmp_path, problems)
    table = _table(tmp_path)
    assert set(table.index) == {'\'=HYPERLINK("x")', "'-1", "'@a", "'+b", "''=c", "P'=d", "'e"}
    assert table.loc['\'=HYPERLINK("x")', "problem"] == "'=2: bad." and table.loc["'-1", "wt_ml"] == "-5.0"
    assert recorded_problems(tmp_path) == problems


def test_problems_are_read_again_until_a_label_map_answers_them(tmp_path):
    _record(tmp_path, "S1")
    write_table(tmp_path, {"S1": "S1: bad now.", "S2": "S2: bad.", "S3": "S3: bad."})
    _record(tmp_path, "S3")
    assert recorded_problems(tmp_path) == {"S1": "S1: bad now." + EARLIER_MAP, "S2": "S2: bad."}
    (tmp_path / "segmentations.csv").write_text("a;b\n1;2\n")
    with pytest.raises(UserError, match="segmentations.csv is not the table of an inference"):
        recorded_problems(tmp_path)


def test_the_handler_writes_it_when_the_run_ends(tmp_path):
    engine = Engine(lambda engine, batch: None)
    engine.failures = {"S1": "S1: bad."}
    WriteTable(tmp_path).attach(engine)
    engine.run([1])
    assert _table(tmp_path)["problem"].to_list() == ["S1: bad."]


@pytest.mark.parametrize("full", [False, True])
def test_an_error_that_ends_the_run_is_raised_after_the_table_was_written(tmp_path, full, monkeypatch):
    def fail(engine, batch):
        raise UserError("The disk is full.")

    engine = Engine(fail)
    engine.failures = {"S1": "S1: bad."}
    WriteTable(tmp_path).attach(engine)
    if full:
        monkeypatch.setattr("pandas.DataFrame.to_csv", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(UserError, match="The disk is full"):
        engine.run([1])
    assert (tmp_path / "segmentations.csv").is_file() != full

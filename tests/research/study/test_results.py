# SPDX-License-Identifier: Apache-2.0
"""Results of cells are stored once, in one table for each part; those of another plan are refused."""

import json

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.evaluation.summary import read_cases, write_cases
from scripts.research.study.plan import Cell, Plan
from scripts.research.study.results import (
    TRAINING_COLUMNS,
    TRAININGS,
    collect,
    pending,
    picture_path,
    read_table,
    rows_of,
    table_path,
)

FACTS = {"steps": 10, "seconds": 1800.0, "cores": 1, "ratios": "{}", "version": "0.13.0", "amp": False}


def _plan(folder, **keys) -> Plan:
    arms = {
        "alone": {"overlays": ["no_distillation"], "keys": keys},
        "all": {"overlays": ["train_all"], "together": True},
    }
    part = {"title": "a part", "control": "alone", "subsets": [["flair"], ["t2"]], "seeds": [0], "arms": arms}
    return Plan({"parts": {"real": part}}, folder / "work")


def _finish(plan: Plan, cell: Cell, networks: dict[str, str], facts=FACTS, subject: str = "00006") -> None:
    """Write what a finished cell leaves: networks with their sequences, one subject, Dice .5."""
    measured = {"dice": 0.5, "hd95_mm": 2.0, "true_ml": 10.0, "predicted_ml": 9.0, "empty": ""}
    rows = [
        {"subject": subject, "network": network, "sequences": sequences, "region": region} | measured
        for network, sequences in networks.items()
        for region in ("tc", "wt", "et")
    ]
    write_cases(plan.output(cell) / "evaluation" / "cases.csv", rows)
    (plan.output(cell) / "facts.json").write_text(json.dumps({"plan": plan.hash(cell)} | facts))


def test_finished_cells_are_stored_and_not_pending(tmp_path):
    plan = _plan(tmp_path)
    flair, t2, together = plan.cells("real")
    _finish(plan, flair, {"student": "flair", "teacher": "t1+t1ce+t2+flair"})
    _finish(plan, together, {"flair": "flair", "t2": "t2"})
    collect(plan, "real", tmp_path)
    assert pending(plan, "real", tmp_path) == [t2]
    table = read_table(table_path(tmp_path, "real"))
    found = table[table.region == "wt"][["arm", "subset", "network", "subject"]].to_numpy().tolist()
    assert found == [
        ["all", "flair", "student", "00006"],
        ["all", "t2", "student", "00006"],
        ["alone", "flair", "student", "00006"],
        ["alone", "t1+t1ce+t2+flair", "teacher", "00006"],
    ]
    trainings = read_table(tmp_path / TRAININGS, TRAINING_COLUMNS)
    assert trainings[["arm", "subset", "steps", "cores"]].to_numpy().tolist() == [
        ["all", "together", 10, 1],
        ["alone", "flair", 10, 1],
    ]


def test_collecting_again_changes_nothing_and_a_later_cell_is_added(tmp_path):
    plan = _plan(tmp_path)
    flair, t2, _ = plan.cells("real")
    _finish(plan, flair, {"student": "flair"})
    collect(plan, "real", tmp_path)
    before = table_path(tmp_path, "real").read_bytes()
    collect(plan, "real", tmp_path)
    assert table_path(tmp_path, "real").read_bytes() == before
    _finish(plan, t2, {"student": "t2"}, FACTS | {"seconds": None})  # was interrupted
    collect(plan, "real", tmp_path)
    assert set(read_table(table_path(tmp_path, "real")).subset) == {"flair", "t2"}
    assert read_table(tmp_path / TRAININGS, TRAINING_COLUMNS).seconds.isna().tolist() == [False, True]


def test_cell_that_is_not_evaluated_yet_is_not_stored(tmp_path):
    plan = _plan(tmp_path)
    _finish(plan, plan.cells("real")[0], {"student": "flair"})
    (plan.output(plan.cells("real")[0]) / "facts.json").unlink()
    collect(plan, "real", tmp_path)
    assert not table_path(tmp_path, "real").exists() and len(pending(plan, "real", tmp_path)) == 3


def test_results_of_another_plan_are_refused(tmp_path):
    plan = _plan(tmp_path)
    _finish(plan, plan.cells("real")[0], {"student": "flair"})
    collect(plan, "real", tmp_path)
    with pytest.raises(UserError, match="study_real.csv has results of real/alone/flair_seed0_fold0, but the plan"):
        pending(_plan(tmp_path, epochs=3), "real", tmp_path)


def test_a_cell_that_was_finished_with_another_plan_is_not_stored_as_one_of_this(tmp_path):
    plan, changed = _plan(tmp_path), _plan(tmp_path, epochs=3)
    _finish(plan, plan.cells("real")[0], {"student": "flair"})
    collect(changed, "real", tmp_path)
    assert not table_path(tmp_path, "real").exists() and pending(changed, "real", tmp_path) == changed.cells("real")


def test_a_run_that_was_killed_between_the_two_tables_stores_nothing_twice(tmp_path):
    plan = _plan(tmp_path)
    _finish(plan, plan.cells("real")[0], {"student": "flair"})
    collect(plan, "real", tmp_path)
    whole = table_path(tmp_path, "real").read_bytes()
    (tmp_path / TRAININGS).unlink()
    collect(plan, "real", tmp_path)
    assert table_path(tmp_path, "real").read_bytes() == whole and (tmp_path / TRAININGS).is_file()


def test_arms_must_be_measured_on_the_same_subjects_of_a_fold(tmp_path):
    plan = _plan(tmp_path)
    flair, _, together = plan.cells("real")
    _finish(plan, flair, {"student": "flair"})
    collect(plan, "real", tmp_path)
    before = table_path(tmp_path, "real").read_bytes()
    _finish(plan, together, {"flair": "flair", "t2": "t2"}, subject="00007")
    with pytest.raises(UserError, match="study_real.csv would have other subjects of fold 0 for alone than for all"):
        collect(plan, "real", tmp_path)
    assert table_path(tmp_path, "real").read_bytes() == before


def test_ensemble_keeps_the_subset_of_its_student(tmp_path):
    plan = _plan(tmp_path)
    cell = plan.cells("real")[0]
    _finish(plan, cell, {"student": "flair", "ensemble": "t1+t1ce+t2+flair"})
    rows = rows_of(cell, read_cases(plan.output(cell) / "evaluation" / "cases.csv"))
    assert set(zip(rows.network, rows.subset)) == {("student", "flair"), ("ensemble", "flair")}


def test_a_table_without_columns_is_refused(tmp_path):
    pd.DataFrame({"arm": ["alone"]}).to_csv(tmp_path / "study_real.csv")
    with pytest.raises(UserError, match="study_real.csv lacks the columns subset"):
        read_table(tmp_path / "study_real.csv")


def test_the_picture_of_an_arms_first_training_is_kept_where_the_part_wants_it(tmp_path):
    for wanted in (False, True):
        folder = tmp_path / str(wanted)
        plan = _plan(folder)
        plan.parts["real"]["pictures"] = wanted
        for number, cell in enumerate(plan.cells("real")[:2]):  # flair and t2 of one arm
            _finish(plan, cell, {"student": cell.subset})
            (plan.output(cell) / "translation.png").write_text(str(number))
        collect(plan, "real", folder)
        picture = picture_path(folder, "real", "alone")
        assert picture.read_text() == "0" if wanted else not picture.exists()

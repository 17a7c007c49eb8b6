# SPDX-License-Identifier: Apache-2.0
"""Published weights are float16, and their provenance lists the stages of the training."""

import torch
from scripts.evaluation.summary import read_cases, write_cases
from scripts.research.publish_weights import halved, provenance, publish


def test_a_tensor_with_two_names_is_stored_once():
    weight = torch.tensor([1.0, 2.0])
    state = halved({"a": weight, "b": weight, "steps": torch.tensor(3)})
    assert state["a"].data_ptr() == state["b"].data_ptr() and state["a"].dtype == torch.float16
    assert state["steps"].dtype == torch.int64


def test_provenance_keeps_what_all_stages_share_and_lists_what_differs():
    stage = {"spacing": 2.0, "epochs": 4, "steps_per_epoch": 10, "dataset": "a", "epoch": 3, "t1_dice": 0.5}
    stage |= {"sequences": ["t1"], "starts_from": {"t1": "/home/somebody/any_subset.pt"}}
    in_turns = {"students_per_step": 7, "subsets": ["t1"] * 14}
    record = provenance([stage, stage | in_turns | {"dataset": "b", "real_subjects": ["x"]}])
    # 3 of 4 epochs of 10 steps; of 14 students 7 learn in a step, so each in half of the steps
    assert record["stages"] == [{"dataset": "a", "steps": 30}, {"dataset": "b", "real_subjects": ["x"], "steps": 15}]
    assert record["spacing"] == 2.0 and not {"t1_dice", "students_per_step", "epoch", "starts_from"} & set(record)


def test_steps_of_a_student_are_those_of_its_turns():
    stage = {"epochs": 1, "steps_per_epoch": 60, "epoch": 1, "students_per_step": 2, "subsets": ["t1", "t2", "flair"]}
    for sequences, steps in ((["t1"], 60), (["t2"], 30)):  # 120 places in 30 rounds of four turns
        record = provenance([stage | {"student_turns": {"t1": 2}, "sequences": sequences}])
        assert record["stages"] == [{"steps": steps}] and "student_turns" not in record


def test_stages_of_published_weights_that_a_training_starts_from_come_first_and_once():
    start = {"stages": [{"dataset": "a", "steps": 30}], "version": "0.7.0"}
    any_subset = {"stages": [*start["stages"], {"dataset": "b", "steps": 20}]}  # published: its stages have the start's
    stage = {"epochs": 1, "steps_per_epoch": 10, "epoch": 1, "dataset": "c", "sequences": ["t1"]}
    record = provenance([start, any_subset, stage])
    assert [(each["dataset"], each["steps"]) for each in record["stages"]] == [("a", 30), ("b", 20), ("c", 10)]


def test_a_fold_that_was_run_alone_replaces_its_own_results_only(tmp_path):
    stored, folder = tmp_path / "results" / "real_kfold.csv", tmp_path / "work" / "fold1" / "on_real"
    row = {"network": "flair", "sequences": "flair", "region": "wt", "dice": 0.5}
    write_cases(stored, [row | {"subject": subject} for subject in ("of fold 0", "of fold 1")])
    write_cases(folder / "cases.csv", [row | {"subject": "of fold 1", "dice": 0.75}])
    (folder / "finished").touch()
    publish(tmp_path / "work", ("fold1",), [], tmp_path / "models", stored.parent, [["of fold 0", "of fold 1"]])
    cases = read_cases(stored)
    assert dict(zip(cases.subject, cases.dice)) == {"of fold 0": 0.5, "of fold 1": 0.75}
    assert cases.patient.tolist() == ["of fold 0", "of fold 0"]

# SPDX-License-Identifier: Apache-2.0
"""A tiny plan is trained, evaluated and published; every stage starts from the one before, and nothing runs twice."""

import json
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import provenance_of, weight_files_in
from scripts.evaluation.summary import read_cases
from scripts.research.runs import PLANS, configs
from scripts.research.train_weights import STUDENTS, WeightsRun, evaluations, phases, train_weights
from scripts.simulation.cohort import make_cohort
from tiny import tiny


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Folder of four subjects that have scans but no maps, as real ones."""
    folder = Path(make_cohort(str(tmp_path_factory.mktemp("scans") / "real"), 0, 0, 4, spacing=4.0, seed=9, workers=1))
    for name in ("dataset.json", "cohort.json"):
        (folder / name).unlink()
    return str(folder)


@pytest.fixture(scope="module")
def plan(cohort, scans, tmp_path_factory):
    """A plan with one short epoch for each stage."""
    stage = {"epochs": 1, "patches_per_epoch": 2}
    plan = {"real": scans, "folds": 2, "keys": tiny(cohort, val_interval=1)}
    plan |= {"any_subset": [stage, stage | {"seed": 5}], "any_subset_real": [stage]}
    plan |= {name: stage | {"students_per_step": 14} for name in ("networks", "networks_real")}
    path = tmp_path_factory.mktemp("plan") / "weights.json"
    path.write_text(json.dumps(plan))
    return path


@pytest.fixture(scope="module")
def published(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    train_weights(plan, str(folder / "work"), str(folder / "models"), str(folder / "results"), workers=2)
    return folder


def test_there_is_a_network_for_each_of_the_15_choices_of_sequences(published):
    found = weight_files_in(published / "models")
    assert len(found) == 15 and found[("t1ce", "flair")].endswith("/model.pt")
    assert found[SEQUENCES].endswith("/teacher.pt") and found[("t2",)].endswith("/model_t2.pt")


def test_history_of_a_network_is_written_beside_it(published):
    record = provenance_of(published / "models" / "model.pt")
    assert record["sequences"] == ["t1ce", "flair"] and record["spacing"] == 4.0
    assert record["recipe"].startswith("warm start")
    stages = [(stage["recipe"], stage["steps"], "real_subjects" in stage) for stage in record["stages"]]
    any_subset = "one network for any subset of the sequences, by sequence dropout"
    assert stages == [
        (any_subset, 1, False),
        (any_subset, 1, False),
        (any_subset, 1, True),
        ("warm start from a network for any subset of the sequences, no distillation", 1, True),
    ]
    assert len(record["stages"][-1]["real_subjects"]) == 4
    assert len(provenance_of(published / "models" / "teacher.pt")["stages"]) == 4
    assert [stage["seed"] for stage in record["stages"]] == [0, 5, 0, 0]


def test_each_stage_of_the_network_for_any_subset_goes_on_from_the_one_before(published):
    stages = [*sorted((published / "work" / "simulated").glob("training_any_subset_*"))]
    stages.append(published / "work" / "all" / "training_any_subset_1")
    asked = [json.loads((folder / "keys.json").read_text())["start_from"] for folder in stages]
    assert asked == [None, str(stages[0]), str(stages[1])]
    bias = "output_block.conv.conv.bias"
    first, second, third = (torch.load(folder / "any_subset.pt", weights_only=True)[bias] for folder in stages)
    # one step of AdamW from it moves a weight by no more than the learning rate, 0.01
    assert 0 < (second - first).abs().max() < 0.03 and 0 < (third - second).abs().max() < 0.03


def test_no_stage_distils_and_the_first_starts_from_random_weights(published):
    for overlays in (("any_subset",), STUDENTS):
        parser = ConfigParser()
        parser.read_config(configs(*overlays))
        terms = parser.get("objective")["terms"]
        assert [name for name, term in terms.items() if term] in (
            ["student_segmentation"],
            ["teacher_segmentation", "student_segmentation"],
        )
    first = provenance_of(published / "work" / "simulated" / "training_any_subset_1" / "any_subset.pt")
    assert set(first["starts_from"].values()) == {"random weights"}
    last = provenance_of(published / "work" / "all" / "training_networks" / "teacher.pt")
    assert {path.rpartition("/")[2] for path in last["starts_from"].values()} == {"any_subset.pt"}


def test_networks_start_from_the_network_for_any_subset(published):
    work = published / "work" / "all"
    start = torch.load(work / "training_any_subset_1" / "any_subset.pt", weights_only=True)
    # one step of AdamW moves a weight by about the learning rate, 0.01; other random ones would not match
    for name, columns in (("teacher", [0, 1, 2, 3]), ("model_t2_flair", [2, 3])):
        trained = torch.load(work / "training_networks" / f"{name}.pt", weights_only=True)
        for key, tensor in start.items():
            if tensor.shape != trained[key].shape:
                tensor = tensor[:, columns] * 4 / len(columns)
            assert torch.allclose(trained[key], tensor, atol=0.03), key
        last = "output_block.conv.conv.bias"
        assert not torch.equal(trained[last], start[last])


def test_published_weights_are_those_trained_in_half_the_precision_and_those_measured(published):
    state = torch.load(published / "models" / "model_t2.pt", weights_only=True)
    work = published / "work" / "all"
    trained = torch.load(work / "training_networks" / "model_t2.pt", weights_only=True)
    assert all(torch.equal(state[name], tensor.half()) for name, tensor in trained.items())
    assert (published / "models" / "model_t2.pt").read_bytes() == (work / "model_t2.pt").read_bytes()


def test_the_published_networks_are_measured_with_and_without_the_rule_of_enhancement(published):
    for name in ("simulated", "real_seen"):
        raw, enhancing = (read_cases(published / "results" / f"{name}{end}.csv") for end in ("", "_enhancing"))
        key = ["subject", "sequences", "region"]
        both = raw.merge(enhancing, on=key, suffixes=("", "_enhancing"))
        assert len(both) == len(raw) == len(enhancing)
        left = both[(both.region != "et") | ~both.sequences.str.contains("t1ce")]
        assert (left.dice == left.dice_enhancing).all()  # only ET of networks with T1ce can change
        assert (both.predicted_ml_enhancing <= both.predicted_ml).all()


def test_every_subject_of_the_folds_is_measured_once_by_networks_that_have_not_seen_it(published):
    cases = read_cases(published / "results" / "real_kfold.csv")
    # 4 subjects x 15 networks x 3 regions
    assert len(cases) == 180 and not cases.duplicated(["subject", "sequences", "region"]).any()
    for fold in (0, 1):
        seen = provenance_of(published / "work" / f"fold{fold}" / "model_t1.pt")["real_subjects"]
        measured = read_cases(published / "work" / f"fold{fold}" / "on_real" / "cases.csv").subject.unique()
        assert len(seen) == 2 and not set(seen) & set(measured)


def test_a_finished_run_only_publishes_again(plan, published, monkeypatch):
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda *_: pytest.fail("something was run again"))
    monkeypatch.setattr(
        "scripts.research.train_weights.run_all", lambda tasks, _: [function(*args) for _, function, args in tasks]
    )
    (published / "models" / "model.pt").unlink()
    train_weights(plan, published / "work", published / "models", published / "results", 1)
    assert (published / "models" / "model.pt").is_file()


def _changed(plan, folder, **changes):
    """The plan with other entries, in another file; an entry of `...` is left out."""
    entries = {name: value for name, value in (json.loads(plan.read_text()) | changes).items() if value is not ...}
    path = folder / "weights.json"
    path.write_text(json.dumps(entries))
    return path


def test_without_real_subjects_there_are_no_folds(plan, tmp_path):
    run = WeightsRun(json.loads(_changed(plan, tmp_path, real=None).read_text()), tmp_path)
    assert [len(tasks) for tasks in phases(run)] == [1, 1, 0, 2]
    assert evaluations(run) == [
        ("simulated", "on_simulated", {"et_least_contrast": 0}),
        ("simulated", "on_simulated_enhancing", {"et_least_contrast": 1.4}),
    ]


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"real": "nowhere"}, "nowhere does not exist: correct 'real'"),
        ({"network_real": {}}, "has the unknown key 'network_real': .* networks_real"),
        ({"any_subset": {}}, "'any_subset' in .* must be a list of one stage or more"),
        ({"any_subset": ...}, "lacks the key 'any_subset'"),
        ({"keys": ...}, "lacks the key 'keys'"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_runs(plan, tmp_path, changes, complaint):
    with pytest.raises(UserError, match=complaint):
        train_weights(_changed(plan, tmp_path, **changes), tmp_path / "w", tmp_path / "m", tmp_path / "r", 1)


def test_results_of_networks_with_real_subjects_are_not_mixed_with_those_without(plan, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "real_kfold.csv").touch()
    with pytest.raises(UserError, match="real_kfold.csv has results of networks that were trained with real subjects"):
        train_weights(_changed(plan, tmp_path, real=None), tmp_path / "w", tmp_path / "m", tmp_path / "r", 1)


@pytest.mark.parametrize("name", ["weights.json", "weights_gpu.json"])
def test_shipped_plans_have_known_keys_and_a_validation_at_the_end_of_every_stage(name, tmp_path):
    plan = json.loads((PLANS / name).read_text())
    run = WeightsRun(plan, tmp_path)
    for stages, overlays in (("any_subset", ("any_subset",)), ("networks", STUDENTS)):
        for data in ("simulated", "all"):
            parser = ConfigParser()
            parser.read_config(configs(*overlays, *run.overlays(data)))
            stage = run.stage(data, stages)
            for own in stage if isinstance(stage, list) else [stage]:
                keys = run.keys(data) | own
                assert [key for key in keys if key not in parser] == []
                assert keys["val_interval"] == "@epochs" or keys["epochs"] % keys["val_interval"] == 0

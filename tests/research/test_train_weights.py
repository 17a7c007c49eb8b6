# SPDX-License-Identifier: Apache-2.0
"""A tiny plan is trained, evaluated and published; every stage starts from the one before, and nothing runs twice."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import provenance_of, weight_files_in
from scripts.evaluation.summary import read_cases
from scripts.research.et_limits import LIMITS, NEVER, measure
from scripts.research.publish_weights import commit
from scripts.research.runs import PLANS, configs
from scripts.research.train_weights import (
    STUDENTS,
    WeightsRun,
    extract_start,
    phases,
    read_run,
    train_any_subset,
    train_weights,
)
from scripts.simulation.cohort import make_cohort
from tiny import tiny


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Folder of five subjects that have scans but no maps, as real ones; the last lies apart."""
    folder = Path(make_cohort(str(tmp_path_factory.mktemp("scans") / "real"), 0, 0, 5, spacing=4.0, seed=9, workers=1))
    for name in ("dataset.json", "cohort.json"):
        (folder / name).unlink()
    for subject in list(folder.iterdir()):  # not the names of the cohort's subjects, who would be the same patients
        for file in list(subject.iterdir()):
            file.rename(subject / file.name.replace("Simulated", "Real"))
        subject.rename(folder / subject.name.replace("Simulated", "Real"))
    last = sorted(folder.iterdir())[-1]
    (folder.parent / "known").mkdir()
    last.rename(folder.parent / "known" / last.name)
    return str(folder)


@pytest.fixture(scope="module")
def plan(cohort, scans, tmp_path_factory):
    """A plan with one short epoch for each stage."""
    stage = {"epochs": 1, "patches_per_epoch": 2}
    real = {"trained": [str(Path(scans).parent / "known")], "collections": {"SIM": [scans]}, "folds": 2}
    plan = {"start": None, "real": real, "keys": tiny(cohort, val_interval=1, gradient_ratio_interval=1)}
    plan["keys"]["real#share"] = 0.75
    networks = stage | {"students_per_step": 14, "objective#terms#barlow_twins#ramp": 0}
    plan |= {"any_subset": [stage, stage | {"seed": 5}], "networks": networks}
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
    assert record["gradient_ratios"]["barlow_twins"] > 0
    stages = [(stage["recipe"], stage["steps"], stage["seed"]) for stage in record["stages"]]
    any_subset = "one network for any subset of the sequences, by sequence dropout"
    joint = "joint training of teacher and student with Barlow Twins"
    assert stages == [(any_subset, 1, 0), (any_subset, 1, 5), (joint, 1, 0)]
    assert all(len(stage["real_subjects"]) == 5 for stage in record["stages"])
    assert len(provenance_of(published / "models" / "teacher.pt")["stages"]) == 3
    assert len(provenance_of(published / "models" / "any_subset.pt")["stages"]) == 2


def test_each_stage_of_the_network_for_any_subset_goes_on_from_the_one_before(published):
    stages = sorted((published / "work" / "all").glob("training_any_subset_*"))
    asked = [json.loads((folder / "keys.json").read_text())["start_from"] for folder in stages]
    assert asked == [None, str(stages[0])]
    bias = "output_block.conv.conv.bias"
    first, second = (torch.load(folder / "any_subset.pt", weights_only=True)[bias] for folder in stages)
    # one step of AdamW from it moves a weight by no more than the learning rate, 0.01
    assert 0 < (second - first).abs().max() < 0.03
    start = provenance_of(stages[0] / "any_subset.pt")["starts_from"]
    assert set(start.values()) == {"random weights"}


def test_stages_of_the_network_for_any_subset_are_taken_on_another_machine(plan, published, tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.research.stored_networks.train_once", lambda *_: pytest.fail("a stage was trained"))
    run = WeightsRun(json.loads(plan.read_text()), tmp_path, published / "results", ("fold1",))
    train_any_subset(run, "fold1")
    for number, file in enumerate(run.any_subset("fold1"), 1):
        assert file.read_bytes() == (run.stored("fold1", number) / "any_subset.pt").read_bytes()
    longer = run.plan | {"any_subset": [run.plan["any_subset"][0], {"epochs": 2}]}
    other = WeightsRun(longer, tmp_path, published / "results", ("fold1",))
    assert other.stored("fold1", 1) == run.stored("fold1", 1) and other.stored("fold1", 2) != run.stored("fold1", 2)


def test_of_a_stored_stage_those_before_it_are_not_needed(plan, published, tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.research.stored_networks.train_once", lambda *_: pytest.fail("a stage was trained"))
    run = WeightsRun(json.loads(plan.read_text()), tmp_path / "work", tmp_path / "results", ("fold1",))
    shutil.copytree(published / "results" / "weights_starts", tmp_path / "results" / "weights_starts")
    shutil.rmtree(run.stored("fold1", 1))
    train_any_subset(run, "fold1")
    assert [file.exists() for file in run.any_subset("fold1")] == [False, True]


def test_a_stage_that_is_not_stored_is_trained_from_the_stored_one_before(plan, published, tmp_path, monkeypatch):
    run = WeightsRun(json.loads(plan.read_text()), tmp_path / "work", tmp_path / "results", ("fold1",))
    shutil.copytree(published / "results" / "weights_starts", tmp_path / "results" / "weights_starts")
    shutil.rmtree(run.stored("fold1", 2))
    trained = []
    monkeypatch.setattr("scripts.research.stored_networks.train_once", lambda *given: trained.append(given))
    train_any_subset(run, "fold1")
    assert [(output.name, keys["start_from"]) for _, output, keys in trained] == [
        ("training_any_subset_2", str(run.any_subset("fold1")[0].parent))
    ]
    assert run.any_subset("fold1")[0].is_file()


def test_limits_of_et_by_contrast_are_measured_with_the_stored_networks_of_a_fold(plan, published):
    run = read_run(plan, published / "work", published / "results")
    keys = run.keys("fold0") | run.test_keys("fold0")
    table = measure(run.stored("fold0", 2), keys, "fold0", run.overlays)
    # two subjects of the fold, four choices of sequences
    assert len(table) == 2 * 4 * len(LIMITS) and table.subject.nunique() == 2 and table.dice.between(0, 1).all()
    without = table[(table.stays == -NEVER) & (table.becomes == NEVER)].set_index(["subject", "sequences"]).dice
    assert len(without) == 8


def test_teacher_and_students_are_trained_with_distillation():
    parser = ConfigParser()
    parser.read_config(configs(*STUDENTS))
    terms = {name for name, term in parser.get("objective")["terms"].items() if term}
    assert terms == {"student_segmentation", "teacher_segmentation", "barlow_twins"}
    assert parser.get("teacher_training") == "joint"


def test_networks_start_from_the_network_for_any_subset(published):
    work = published / "work" / "all"
    stored = torch.load(work / "training_any_subset_2" / "any_subset.pt", weights_only=True)  # float16
    start = {key: tensor.float() for key, tensor in stored.items()}
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
    assert state.keys() == trained.keys() and all(torch.equal(state[name], trained[name].half()) for name in state)
    assert (published / "models" / "model_t2.pt").read_bytes() == (work / "model_t2.pt").read_bytes()


def test_the_network_for_any_subset_is_published_as_it_was_trained_last(published):
    state = torch.load(published / "models" / "any_subset.pt", weights_only=True)
    last = torch.load(published / "work" / "all" / "training_any_subset_2" / "any_subset.pt", weights_only=True)
    assert all(torch.equal(state[name], tensor.half()) for name, tensor in last.items())


def test_every_subject_of_the_folds_is_measured_once_by_networks_that_have_not_seen_it(published):
    cases = read_cases(published / "results" / "real_kfold.csv")
    # 4 subjects x 15 networks x 3 regions
    assert len(cases) == 180 and not cases.duplicated(["subject", "sequences", "region"]).any()
    for fold in (0, 1):
        seen = provenance_of(published / "work" / f"fold{fold}" / "model_t1.pt")["real_subjects"]
        measured = read_cases(published / "work" / f"fold{fold}" / "on_real" / "cases.csv").subject.unique()
        assert len(seen) == 3 and len(measured) == 2 and not set(seen) & set(measured)


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


def test_chosen_networks_are_trained_alone(plan, published, monkeypatch):
    names = []
    monkeypatch.setattr(
        "scripts.research.train_weights.run_all", lambda tasks, _: names.extend(task[0] for task in tasks)
    )
    train_weights(plan, published / "work", published / "models", published / "results", 1, ["fold1"])
    assert names == ["any-subset network, fold1", "teacher and students, fold1", "evaluate fold1 on_real"]


def test_without_real_subjects_there_are_no_folds(plan, tmp_path):
    content = json.loads(_changed(plan, tmp_path, real=None).read_text())
    run = WeightsRun(content, tmp_path, tmp_path, ("simulated",))
    assert [task[0] for tasks in phases(run) for task in tasks][-1] == "evaluate simulated on_simulated"
    assert run.overlays == () and "real#dataset_dir" not in run.keys("simulated")


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"real": {"collections": {"SIM": ["nowhere"]}, "folds": 2}}, "nowhere does not exist: correct it in the plan"),
        ({"network": {}}, "has the unknown key 'network': .* networks"),
        ({"any_subset": {}}, "'any_subset' in .* must be a list of one stage or more"),
        ({"networks": [{}]}, "'networks' in .* must be an object with the keys of one training"),
        ({"any_subset": ...}, "lacks the key 'any_subset'"),
        ({"keys": ...}, "lacks the key 'keys'"),
        ({"real": {"collections": {}, "folds": 3, "fold": 1}}, "has the unknown key 'real#fold'"),
        ({"start": "HEAD:models/nowhere.pt"}, "git has no HEAD:models/nowhere.pt"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_runs(plan, tmp_path, changes, complaint):
    with pytest.raises(UserError, match=complaint):
        train_weights(_changed(plan, tmp_path, **changes), tmp_path / "w", tmp_path / "m", tmp_path / "r", 1)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("{", "is not valid JSON .*: correct it"),
        ("[" * 200_000, "is not valid JSON .it is nested too deeply.: correct it"),
        ("[]", "must be a JSON object, "),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, complaint):
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(UserError, match=complaint):
        train_weights(tmp_path / "weights.json", tmp_path / "w", tmp_path / "m", tmp_path / "r", 1)


def test_unknown_networks_are_refused(plan, tmp_path):
    with pytest.raises(UserError, match="has no networks 'fold2': choose from all, fold0, fold1"):
        train_weights(plan, tmp_path / "w", tmp_path / "m", tmp_path / "r", 1, ["fold2"])


@pytest.mark.skipif(commit() is None, reason="no git history here")
def test_weights_of_an_earlier_commit_come_with_their_record(tmp_path):
    extract_start("HEAD:models/teacher.pt", tmp_path / "start" / "teacher.pt")
    assert torch.load(tmp_path / "start" / "teacher.pt", weights_only=True)
    assert provenance_of(tmp_path / "start" / "teacher.pt")["sequences"] == list(SEQUENCES)


@pytest.mark.parametrize("name", ["weights.json", "weights_gpu.json"])
def test_shipped_plans_have_known_keys_and_a_validation_at_the_end_of_every_stage(name, tmp_path):
    plan = json.loads((PLANS / name).read_text())
    run = WeightsRun(plan, tmp_path, tmp_path, ("all",))
    for stages, overlays in ((plan["any_subset"], ("any_subset",)), ([plan["networks"]], STUDENTS)):
        parser = ConfigParser()
        parser.read_config(configs(*overlays, *run.overlays))
        for stage in stages:
            keys = run.keys("all") | stage
            assert [key for key in keys if key not in parser] == []
            assert keys["val_interval"] == "@epochs" or keys["epochs"] % keys["val_interval"] == 0

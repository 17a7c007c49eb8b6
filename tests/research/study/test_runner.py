# SPDX-License-Identifier: Apache-2.0
"""A tiny study runs from the plan to the page and is not run again."""

import json

import pytest
import torch
from scripts.common.errors import UserError
from scripts.common.versions import metadata
from scripts.research.markdown import markers
from scripts.research.study.read_plan import read_plan
from scripts.research.study.results import TRAINING_COLUMNS, read_table
from scripts.research.study.runner import COMMAND, run_study, take_stored_starts, train_starts
from scripts.training.processor import has_bfloat16
from tiny import tiny


def _study(folder, cohort) -> dict:
    shared = {"teacher": {"overlays": ["train_teacher"], "keys": {"warm_start": False}}}
    teacher = {"teacher_from": "{shared}/teacher"}
    arms = {
        "no_distillation": {"overlays": ["no_distillation"], "keys": teacher},
        "soft_targets": {
            "overlays": ["soft_targets", "train_all"],
            "keys": teacher,
            "evaluation": {"teacher_training": "frozen"},
            "together": True,
        },
        "any_subset": {"overlays": ["any_subset"], "keys": {"warm_start": False}, "together": True},
    }
    part = {"title": "Simulated subjects", "control": "no_distillation", "subsets": [["flair"]], "seeds": [0]}
    keys = tiny(cohort, epochs=1, patches_per_epoch=2)
    plan = {"keys": keys, "evaluation": {"report": False}, "parts": {"tiny": part | {"shared": shared, "arms": arms}}}
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "study.md").write_text("# Study\n\n" + "\n".join(markers(COMMAND)) + "\n")
    paths = {"plan_file": "plan.json", "work": "work", "results": "results", "page": "study.md"}
    return {name: folder / file for name, file in paths.items()} | {"workers": 2, "resamples": 100}


def _without_training(monkeypatch) -> list[tuple]:
    """Let trainings write a network of one weight; (name of the folder, keys) of those that ran."""
    trained = []

    def train(overlays, output, keys):
        output.mkdir(parents=True, exist_ok=True)
        torch.save({"weight": torch.tensor([1 + 2**-12])}, output / "model.pt")  # 1 in float16
        (output / "model.json").write_text('{"recipe": "a", "epoch": 1, "steps_per_epoch": 1}')
        trained.append((output.name, keys))

    monkeypatch.setattr("scripts.research.stored_networks.train_once", train)
    return trained


def _in_this_process(monkeypatch) -> list[str]:
    """Let tasks run here, which saves the start of workers; the names of the tasks."""
    names = []

    def run(tasks, _, after=None):
        for name, function, arguments in tasks:
            names.append(name)
            function(*arguments)
            if after is not None:
                after()

    monkeypatch.setattr("scripts.research.study.runner.run_all", run)
    return names


def _names_of_tasks(monkeypatch) -> list[str]:
    """Gets the names of the tasks, of which none is run."""
    names = []
    monkeypatch.setattr(
        "scripts.research.study.runner.run_all", lambda tasks, *_, **__: names.extend(name for name, *_ in tasks)
    )
    return names


def test_a_study_runs_from_plan_to_page_and_is_not_run_again(tmp_path, cohort, monkeypatch):
    names, study = _in_this_process(monkeypatch), _study(tmp_path, cohort)
    run_study(**study)
    assert names == [
        "tiny, shared trainings, fold 0",
        *(
            f"tiny/{name}_seed0_fold0"
            for name in ("no_distillation/flair", "soft_targets/together", "any_subset/together")
        ),
    ]
    table = read_table(study["results"] / "study_tiny.csv")
    # one test subject, three regions; the frozen teacher is measured, too
    assert table.groupby("arm").size().to_dict() == {"no_distillation": 3, "soft_targets": 6, "any_subset": 3}
    trainings = read_table(study["results"] / "study_trainings.csv", TRAINING_COLUMNS)
    assert trainings.steps.tolist() == [1, 1, 1] and (trainings.seconds > 0).all()  # two patches in a batch of two
    assert set(trainings.version) == {metadata()["version"]} and set(trainings.amp) == {
        has_bfloat16(torch.device("cpu"))
    }
    page = study["page"].read_text()
    assert "## Simulated subjects" in page and "| soft targets | 1 | 1 | 1 |" in page
    assert "The teacher, with all four sequences, has a Dice of WT" in page
    before = page, (study["results"] / "study_tiny.csv").read_bytes()
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda *_: pytest.fail("something was run again"))
    run_study(**study)
    for file in study["results"].glob("*.csv"):
        file.unlink()
    run_study(**study, only=["page"])  # from the finished trainings
    assert len(names) == 4 and before == (study["page"].read_text(), (study["results"] / "study_tiny.csv").read_bytes())


def test_an_unknown_part_is_refused_before_anything_runs(tmp_path, cohort):
    with pytest.raises(UserError, match="has no part 'real': choose from tiny, page"):
        run_study(**_study(tmp_path, cohort), only=["real"])


@pytest.mark.parametrize(
    "chosen, sentence",
    [
        (
            {"arms": ["masked"]},
            "The parts tiny have no arm 'masked': choose from no_distillation, soft_targets, any_subset",
        ),
        ({"folds": [1]}, "The parts tiny have no fold '1': choose from 0"),
    ],
)
def test_an_unknown_arm_or_fold_is_refused_before_anything_runs(tmp_path, cohort, chosen, sentence):
    with pytest.raises(UserError, match=sentence):
        run_study(**_study(tmp_path, cohort), **chosen)


def test_chosen_arms_alone_are_run(tmp_path, cohort, monkeypatch):
    names = _names_of_tasks(monkeypatch)
    run_study(**_study(tmp_path, cohort), only=["tiny"], arms=["any_subset"], folds=[0])
    assert names == ["tiny, shared trainings, fold 0", "tiny/any_subset/together_seed0_fold0"]


def test_a_page_that_cannot_be_written_to_is_refused_before_anything_runs(tmp_path, cohort, monkeypatch):
    names, study = _in_this_process(monkeypatch), _study(tmp_path, cohort)
    study["page"].write_text("no markers\n")
    with pytest.raises(UserError, match="must have the line '<!-- from here made by python -m scripts.research.study"):
        run_study(**study)
    assert not names


def test_a_plan_without_a_page_needs_one(tmp_path, cohort):
    with pytest.raises(UserError, match="plan.json names no page: add 'page' to it, or give --page"):
        run_study(**_study(tmp_path, cohort) | {"page": None})


def test_subjects_of_a_part_are_gathered_before_its_trainings(tmp_path, cohort, monkeypatch):
    monkeypatch.setattr("scripts.research.study.runner.run_all", lambda *_, **__: None)
    study = _study(tmp_path, cohort)
    (tmp_path / "scans" / "S1").mkdir(parents=True)
    plan = json.loads(study["plan_file"].read_text())
    plan["parts"]["tiny"]["subjects"] = {"target": {"collections": {"SSA": [str(tmp_path / "scans")]}, "folds": 1}}
    study["plan_file"].write_text(json.dumps(plan))
    run_study(**study, only=["tiny"])
    gathered = tmp_path / "work" / "tiny" / "subjects" / "target"
    assert (gathered / "subjects" / "S1").is_dir() and (gathered / "fold0.json").is_file()


def test_the_first_seed_of_every_arm_is_run_before_further_seeds(tmp_path, cohort, monkeypatch):
    names = _names_of_tasks(monkeypatch)
    study = _study(tmp_path, cohort)
    plan = json.loads(study["plan_file"].read_text())
    plan["parts"]["tiny"]["arms"]["no_distillation"]["seeds"] = [0, 1]
    study["plan_file"].write_text(json.dumps(plan))
    run_study(**study, only=["tiny"])
    cells = [name.split("/")[1:] for name in names if "shared" not in name]
    assert [arm for arm, _ in cells] == ["no_distillation", "soft_targets", "any_subset", "no_distillation"]
    assert "seed1" in cells[-1][1]


def test_a_network_that_all_folds_start_from_is_trained_once_and_stored_for_other_machines(tmp_path, monkeypatch):
    trained = _without_training(monkeypatch)
    part = {"title": "T", "control": "a", "subsets": [["flair"]], "seeds": [0], "arms": {"a": {"overlays": []}}}
    for work, epochs in (("first", 1), ("second", 1), ("third", 2)):
        once = {"source": {"overlays": ["unpaired"], "keys": {"epochs": epochs}}}
        (tmp_path / "plan.json").write_text(json.dumps({"parts": {"real": part | {"once": once}}}))
        plan = read_plan(tmp_path / "plan.json", tmp_path / work)
        train_starts(plan, "real", None, tmp_path / "results")
        start = tmp_path / work / "real" / "once" / "source"
        assert torch.load(start / "model.pt")["weight"].tolist() == [1.0]
        assert json.loads((start / "model.json").read_text())["recipe"] == "a"
    # the second work folder takes the stored one
    assert [(name, keys["epochs"]) for name, keys in trained] == [("source", 1), ("source", 2)]
    assert len(list((tmp_path / "results" / "study_starts").iterdir())) == 2


def test_shared_networks_of_a_fold_are_stored_for_this_fold(tmp_path, monkeypatch):
    trained = _without_training(monkeypatch)
    part = {"title": "T", "control": "a", "subsets": [["flair"]], "seeds": [0], "arms": {"a": {"overlays": []}}}
    part["folds"] = [{"keys": {"split#fold": 0}}, {"keys": {"split#fold": 1}}]
    part["shared"] = {"any_subset": {"overlays": []}, "teacher": {"overlays": []}}
    (tmp_path / "plan.json").write_text(json.dumps({"parts": {"real": part}}))
    for work, fold in (("first", 0), ("first", 1), ("second", 1)):
        train_starts(read_plan(tmp_path / "plan.json", tmp_path / work), "real", fold, tmp_path / "results")
    assert [(name, keys["split#fold"]) for name, keys in trained] == [
        *(("any_subset", 0), ("teacher", 0)),
        *(("any_subset", 1), ("teacher", 1)),
    ]
    assert (tmp_path / "second" / "real" / "shared_fold1" / "teacher" / "model.pt").is_file()
    take_stored_starts(read_plan(tmp_path / "plan.json", tmp_path / "third"), "real", tmp_path / "results")
    assert len(list((tmp_path / "third" / "real").glob("shared_fold*/*/model.pt"))) == 4

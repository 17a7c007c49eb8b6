"""The study's runner on a tiny plan: every part, what is left to do, and going on where it stopped."""

import json

import pandas as pd
import pytest
from tiny import tiny

from scripts.common.errors import UserError
from scripts.research.study.__main__ import cells_of, phases, run_study
from scripts.research.study.cells import Study
from scripts.research.study.report import write_report

PARTS = ("simulated", "ablation", "together", "real", "real_kfold")


@pytest.fixture(scope="module")
def study(cohort, tmp_path_factory):
    """A study with its own folders, and its plan."""
    folder = tmp_path_factory.mktemp("study")
    plan = {
        "settings": [["flair"], ["t1", "t2"]],
        "seeds": [0, 1],
        "teachers": {"teacher": {"epochs": 2}},
        "recipes": {
            "no_distillation": {"overlays": ["no_distillation"]},
            "kd_net": {"overlays": ["kd_net"], "teacher": "teacher"},
        },
        "together": {
            "seeds": [0],
            "recipes": {
                "train_all": {
                    "overlays": ["barlow_twins", "train_all"],
                    "keys": {"students_per_step": 1, "student_subsets": [["flair"], ["t1", "t2"]]},
                },
                "any_subset": {"overlays": ["any_subset"], "keys": {}},
            },
        },
        "real": {"dataset_dir": cohort, "recipes": ["no_distillation"]},
        "kfold": {"dataset_dir": cohort, "recipes": ["kd_net"], "folds": 2, "seeds": [0], "keys": {"epochs": 1}},
        "ablation": {
            "settings": [["flair"]],
            "seeds": [0],
            "variants": {"longer": {"overlays": ["no_distillation"], "keys": {"epochs": 2}}},
        },
    }
    config = folder / "study.json"
    config.write_text(json.dumps({"study": plan} | tiny(cohort, epochs=1, patches_per_epoch=2)))
    return Study(str(config), folder / "work", folder / "results"), plan


def _left(study, plan, parts=PARTS, seeds=None):
    return [[function.__name__ for function, _ in tasks] for tasks in phases(study, plan, parts, seeds)]


def test_first_seed_of_everything_comes_before_the_second(study):
    cells = cells_of(study[1], "simulated")
    assert [cell.seed for cell in cells] == [0] * 4 + [1] * 4
    assert [cell.name for cell in cells][:2] == [
        "simulated/no_distillation/flair_seed0",
        "simulated/kd_net/flair_seed0",
    ]


def test_every_part_runs_is_stored_and_is_not_run_again(study, tmp_path):
    study, plan = study
    before = _left(study, plan, seeds=[0])
    assert [len(tasks) for tasks in before] == [1, 4 + 1, 2, 2, 2, 4, 2]
    for tasks in phases(study, plan, PARTS, [0]):
        for function, arguments in tasks:
            function(*arguments)
    stored = {str(path.relative_to(study.results)) for path in study.results.rglob("*.csv")}
    assert stored == {
        "simulated/teacher/t1+t1ce+t2+flair_seed0.csv",
        *(f"simulated/{r}/{s}_seed0.csv" for r in plan["recipes"] for s in ("flair", "t1+t2")),
        *(f"simulated/{r}/{s}_seed0.csv" for r in plan["together"]["recipes"] for s in ("flair", "t1+t2")),
        *(f"real/no_distillation/{s}_seed0.csv" for s in ("flair", "t1+t2")),
        *(f"real_kfold/kd_net/{s}_seed0.csv" for s in ("flair", "t1+t2")),
        "ablation/longer/flair_seed0.csv",
    }
    assert sum(_left(study, plan, seeds=[0]), []) == []
    folds = pd.read_csv(study.results / "real_kfold" / "kd_net" / "flair_seed0.csv")
    assert folds["subject"].nunique() == 4 and set(folds["network"]) == {"student"}
    # two patches an epoch in batches of two: a step an epoch
    facts = json.loads((study.results / "ablation" / "longer" / "flair_seed0.json").read_text())
    assert facts["steps"] == 2 and facts["seconds"] > 0 and facts["setting"] == "flair"
    facts = json.loads((study.results / "simulated" / "kd_net" / "flair_seed0.json").read_text())
    assert facts["teacher"] == "teacher" and facts["steps"] == 1
    write_report(study.results, tmp_path / "study.md", tmp_path / "study.png", resamples=100)
    assert "| KD-Net |" in (tmp_path / "study.md").read_text()


def test_unknown_part_and_absent_real_subjects_are_refused_before_anything_runs(study, tmp_path):
    with pytest.raises(UserError, match="'simulate' is not a part of the study"):
        run_study(study[0].config, ("simulate",))
    budget = json.loads(open(study[0].config).read())
    budget["study"]["real"]["dataset_dir"] = "/nowhere"
    (tmp_path / "study.json").write_text(json.dumps(budget))
    with pytest.raises(UserError, match="/nowhere does not exist: correct study#real#dataset_dir"):
        run_study(str(tmp_path / "study.json"), ("real",))

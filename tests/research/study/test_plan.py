# SPDX-License-Identifier: Apache-2.0
"""A plan gives the cells of a study and the keys of each."""

import copy
from pathlib import Path

from scripts.common.files import ROOT
from scripts.research.study.plan import Cell, Plan

from tests.research.study.contents import CONTENT

TOGETHER = ("all/together_seed1_fold0", "all/together_seed1_fold1")


def _plan(folder, content=CONTENT):
    return Plan(copy.deepcopy(content), folder / "work")


def test_first_seed_of_all_arms_comes_before_the_second_and_all_folds_of_an_arm_before_the_next_arm(tmp_path):
    names = [cell.name for cell in _plan(tmp_path).cells("real")]
    assert names[:8] == [
        f"real/{arm}/{subset}_seed0_fold{fold}"
        for arm in ("alone", "soft")
        for fold in (0, 1)
        for subset in ("flair", "t1+t2")
    ]
    # seed 1: two subsets of the control on each fold, then the arm that trains them together
    assert names[11:] == [f"real/{name}" for name in ("alone/t1+t2_seed1_fold1", *TOGETHER)]
    assert len(names) == 8 + 2 * 3


def test_keys_of_the_arm_override_those_of_fold_part_and_plan(tmp_path):
    plan = _plan(tmp_path)
    keys = plan.keys(Cell("real", "soft", "t1+t2", 0, 1))
    assert keys["epochs"] == 3 and keys["spacing"] == 3.0 and keys["split#fold"] == 1 and keys["seed"] == 0
    assert keys["student_modalities"] == ["t1", "t2"]
    assert keys["teacher_from"] == str(tmp_path / "work" / "real" / "shared_fold1" / "teacher")
    assert plan.keys(Cell("real", "all", None, 1, 0))["student_subsets"] == [["flair"], ["t1", "t2"]]
    assert plan.start_keys("real", 1, "teacher")["epochs"] == 9


def test_gathered_subjects_lie_in_the_folder_of_their_part(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["parts"]["real"]["keys"] = {"split#split_file": "{gathered}/target/fold{fold}.json", "amp": False}
    keys = _plan(tmp_path, content).keys(Cell("real", "alone", "flair", 0, 1))
    assert keys["split#split_file"] == str(tmp_path / "work" / "real" / "subjects" / "target" / "fold1.json")
    assert keys["amp"] is False


def test_a_training_of_all_folds_has_the_plans_keys_and_its_own_and_its_folder_is_named(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["parts"]["real"]["once"] = {"base": {"overlays": ["any_subset"], "keys": {"epochs": 7}}}
    content["parts"]["real"]["arms"]["alone"]["keys"] = {"teacher_from": "{once}/base", "start_from": "{work}/other"}
    plan = _plan(tmp_path, content)
    assert plan.start_keys("real", None, "base") == {"bundle_root": str(ROOT), "epochs": 7, "spacing": 3.0}
    keys = plan.keys(Cell("real", "alone", "flair", 0, 1))
    assert (
        keys["teacher_from"]
        == str(plan.starts_folder("real", None) / "base")
        == str(tmp_path / "work" / "real" / "once" / "base")
    )
    assert keys["start_from"] == str(tmp_path / "work" / "other")


def test_evaluation_leaves_the_teacher_out_unless_the_plan_says_otherwise(tmp_path):
    plan = _plan(tmp_path)
    alone, soft = (plan.evaluation_keys(Cell("real", arm, "flair", 0, 1)) for arm in ("alone", "soft"))
    assert (alone["teacher_training"], soft["teacher_training"]) == ("none", "frozen")
    assert alone["part"] == "of fold 1" and alone["report"] is False
    assert alone["ckpt_dir"] == str(tmp_path / "work" / "real" / "alone" / "flair_seed0_fold1")


def test_hash_changes_with_what_determines_the_result_and_not_with_the_seeds(tmp_path):
    cell = Cell("real", "soft", "flair", 0, 0)
    longer, seeds = copy.deepcopy(CONTENT), copy.deepcopy(CONTENT)
    longer["parts"]["real"]["arms"]["soft"]["keys"]["epochs"] = 4
    seeds["parts"]["real"]["arms"]["soft"]["seeds"] = [1]
    first, other, same = (_plan(tmp_path, content).hash(cell) for content in (CONTENT, longer, seeds))
    assert first != other and first == same


def test_hash_holds_the_trainings_of_all_folds_that_the_cell_starts_from_and_no_others(tmp_path):
    def hash_with(epochs: int, **once) -> str:
        content = copy.deepcopy(CONTENT)
        first = {"first": {"overlays": [], "keys": {"epochs": epochs}}, "second": {"overlays": []}}
        content["parts"]["real"]["once"] = first | once
        content["parts"]["real"]["arms"]["soft"]["keys"]["start_from"] = "{once}/second"
        return _plan(tmp_path, content).hash(Cell("real", "soft", "flair", 0, 0))

    assert hash_with(1) == hash_with(1, third={"overlays": []})
    assert hash_with(1) != hash_with(2)  # the second may start from the first


def test_a_stored_start_stays_valid_when_the_part_changes_a_key_that_it_sets_itself(tmp_path):
    def stored(**keys) -> Path:
        content = copy.deepcopy(CONTENT)
        content["parts"]["real"]["keys"] |= keys
        return _plan(tmp_path, content).stored_start("real", 0, "teacher", tmp_path)

    assert stored(epochs=2) == stored(epochs=4) != stored(seed=1)


def test_an_arm_may_be_run_on_some_folds_and_arms_be_compared_without_other_results(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["parts"]["real"]["arms"]["soft"] |= {"folds": [1]}
    content["parts"]["real"]["pairs"] = [["soft", "alone"]]
    plan = _plan(tmp_path, content)
    assert {cell.fold for cell in plan.cells("real") if cell.arm == "soft"} == {1}
    cell = Cell("real", "soft", "flair", 0, 1)
    assert plan.hash(cell) == _plan(tmp_path).hash(cell)

# SPDX-License-Identifier: Apache-2.0
"""A plan gives the cells of a study and the keys of each; the shipped plan has keys that its configs know."""

import copy
import json

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.files import ROOT
from scripts.research.runs import PLANS, configs
from scripts.research.study.plan import Cell, read_plan

PART = {
    "title": "a part",
    "control": "alone",
    "subsets": [["flair"], ["t2", "t1"]],
    "seeds": [0, 1],
    "folds": [{"keys": {"split#fold": n}, "evaluation": {"part": f"of fold {n}"}} for n in range(2)],
    "keys": {"epochs": 2},
    "shared": {"teacher": {"overlays": ["train_teacher"], "keys": {"epochs": 9}}},
    "arms": {
        "alone": {"overlays": ["no_distillation"]},
        "soft": {
            "overlays": ["soft_targets"],
            "seeds": [0],
            "keys": {"teacher_from": "{shared}/teacher", "epochs": 3},
            "evaluation": {"teacher_training": "frozen"},
        },
        "all": {"overlays": ["train_all"], "seeds": [1], "together": True},
    },
}
CONTENT = {"keys": {"epochs": 1, "spacing": 3.0}, "evaluation": {"report": False}, "parts": {"real": PART}}


def _plan(folder, content=CONTENT):
    (folder / "plan.json").write_text(json.dumps(content))
    return read_plan(folder / "plan.json", folder / "work")


def test_first_seed_of_all_arms_comes_before_the_second(tmp_path):
    names = [cell.name for cell in _plan(tmp_path).cells("real")]
    assert names[:4] == [
        f"real/{arm}/{subset}_seed0_fold0" for arm in ("alone", "soft") for subset in ("flair", "t1+t2")
    ]
    # seed 1, fold 0: two subsets of the control, one training of the arm that trains them together
    assert names[8:11] == [f"real/{name}_seed1_fold0" for name in ("alone/flair", "alone/t1+t2", "all/together")]
    assert len(names) == 8 + 2 * 3


def test_keys_of_the_arm_override_those_of_fold_part_and_plan(tmp_path):
    plan = _plan(tmp_path)
    keys = plan.keys(Cell("real", "soft", "t1+t2", 0, 1))
    assert keys["epochs"] == 3 and keys["spacing"] == 3.0 and keys["split#fold"] == 1 and keys["seed"] == 0
    assert keys["student_modalities"] == ["t1", "t2"]
    assert keys["teacher_from"] == str(tmp_path / "work" / "real" / "shared_fold1" / "teacher")
    assert plan.keys(Cell("real", "all", None, 1, 0))["student_subsets"] == [["flair"], ["t1", "t2"]]
    assert plan.shared_keys("real", 1, "teacher")["epochs"] == 9


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
    assert plan.once_keys("real", "base") == {"bundle_root": str(ROOT), "epochs": 7, "spacing": 3.0}
    keys = plan.keys(Cell("real", "alone", "flair", 0, 1))
    assert keys["teacher_from"] == str(plan.once("real") / "base") == str(tmp_path / "work" / "real" / "once" / "base")
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


def test_a_part_like_another_differs_in_its_own_entries(tmp_path):
    other = {"like": "real", "title": "other", "seeds": [1], "shared": None}
    other["arms"] = {"soft": {"keys": {"epochs": 5}, "seeds": None, "evaluation": None}, "all": None}
    part = _plan(tmp_path, CONTENT | {"parts": {"real": PART, "other": other}}).parts["other"]
    assert part["title"] == "other" and part["subsets"] == PART["subsets"] and "shared" not in part
    assert list(part["arms"]) == ["alone", "soft"]
    assert part["arms"]["soft"] == {
        "overlays": ["soft_targets"],
        "keys": {"teacher_from": "{shared}/teacher", "epochs": 5},
    }
    with pytest.raises(UserError, match="parts#other#like in .* is 'later', but must be one of the parts before it"):
        _plan(tmp_path, CONTENT | {"parts": {"other": other | {"like": "later"}}})


def test_an_arm_may_be_run_on_some_folds_and_be_compared_with_another_arm(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["parts"]["real"]["arms"]["soft"] |= {"folds": [1], "control": "alone"}
    plan = _plan(tmp_path, content)
    assert {cell.fold for cell in plan.cells("real") if cell.arm == "soft"} == {1}
    cell = Cell("real", "soft", "flair", 0, 1)
    assert plan.hash(cell) == _plan(tmp_path).hash(cell)


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"seed": [0]}, "unknown key 'parts#real#seed'"),
        ({"control": "kd"}, "parts#real#control in .* is 'kd', but must be one of its arms: alone, soft, all"),
        ({"folds": [{}, {"key": {}}]}, "unknown key 'parts#real#folds#1#key'"),
        ({"once": {"base": {"keys": {}}}}, "lacks the key 'parts#real#once#base#overlays'"),
        ({"shared": {"base": {"overlays": [], "seeds": [1]}}}, "unknown key 'parts#real#shared#base#seeds'"),
        ({"ceiling": "kd"}, "parts#real#ceiling in .* is 'kd', but must be one of its arms"),
        (
            {"arms": {"alone": {"overlays": [], "control": "kd"}}},
            "parts#real#arms#alone#control in .* is 'kd', but must be one of its arms: alone",
        ),
        (
            {"arms": {"alone": {"overlays": []}, "soft": {"overlays": [], "seeds": [0, 2]}}},
            "parts#real#arms#soft in .* has the seed 2, but its control has not",
        ),
        ({"arms": {"alone": {}}}, "lacks the key 'parts#real#arms#alone#overlays'"),
    ],
)
def test_a_wrong_plan_is_refused_by_the_name_of_its_key(tmp_path, change, complaint):
    with pytest.raises(UserError, match=complaint):
        _plan(tmp_path, CONTENT | {"parts": {"real": PART | change}})


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('{"parts": ', "plan.json is not valid JSON .*: correct it"),
        ("[" * 200_000, "plan.json is not valid JSON .it is nested too deeply.: correct it"),
        ("[]", "plan.json must be a JSON object"),
        (
            '{"parts": {"real": {"title": "", "control": "a", "subsets": [], "seeds": [], "arms": {"a": 1}}}}',
            "#arms#a' in",
        ),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, complaint):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_plan(tmp_path / "plan.json", tmp_path / "work")


@pytest.mark.parametrize("name", ["study", "unpaired"])
def test_the_shipped_plan_has_keys_that_its_configs_know(name, tmp_path):
    plan = read_plan(PLANS / f"{name}.json", tmp_path)
    for part, block in plan.parts.items():
        runs = [(plan.arm(cell)["overlays"], plan.keys(cell), plan.evaluation_keys(cell)) for cell in plan.cells(part)]
        runs += [
            (entry["overlays"], plan.shared_keys(part, 0, name), {}) for name, entry in block.get("shared", {}).items()
        ]
        runs += [(entry["overlays"], plan.once_keys(part, name), {}) for name, entry in block.get("once", {}).items()]
        for overlays, keys, evaluation in runs:
            # `check_config` refuses the folder without the overlay that reads it
            assert ("unlabelled_dir" in keys) == ("unlabelled" in overlays)
            for last, wanted in (((), keys), (("evaluate",), evaluation)):
                parser = ConfigParser()
                parser.read_config(configs(*overlays, *last))
                assert [key for key in wanted if key not in parser] == []

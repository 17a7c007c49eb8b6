# SPDX-License-Identifier: Apache-2.0
"""A plan is read and a wrong one is refused by its key; the shipped plans have keys that their configs know."""

import json

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.sizes import check_latent_voxels, check_multiples, check_sizes
from scripts.research.runs import PLANS, configs
from scripts.research.study.read_plan import read_plan

from tests.research.study.contents import CONTENT, PART


def _plan(folder, content=CONTENT):
    (folder / "plan.json").write_text(json.dumps(content))
    return read_plan(folder / "plan.json", folder / "work")


def test_a_plan_is_its_content_and_the_folder_of_its_trainings(tmp_path):
    plan = _plan(tmp_path)
    assert plan.content == CONTENT and plan.work == tmp_path / "work"


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


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"seed": [0]}, "unknown key 'parts#real#seed'"),
        ({"control": "kd"}, "parts#real#control in .* is 'kd', but must be one of its arms: alone, soft, all"),
        ({"folds": [{}, {"key": {}}]}, "unknown key 'parts#real#folds#1#key'"),
        ({"once": {"base": {"keys": {}}}}, "lacks the key 'parts#real#once#base#overlays'"),
        ({"shared": {"base": {"overlays": [], "seeds": [1]}}}, "unknown key 'parts#real#shared#base#seeds'"),
        ({"subjects": {"arena": {"collections": {}}}}, "lacks the key 'parts#real#subjects#arena#folds'"),
        ({"ceiling": "kd"}, "parts#real#ceiling in .* is 'kd', but must be one of its arms"),
        ({"arms": {"alone": {"overlays": [], "control": "soft"}}}, "unknown key 'parts#real#arms#alone#control'"),
        (
            {"pairs": [["soft", "alone"], ["kd", "soft"]]},
            "parts#real#pairs#1 in .* is 'kd', but must be one of its arms",
        ),
        ({"pairs": [["soft"]]}, "parts#real#pairs#0 in .* is \\['soft'\\], but must be a list of two arms"),
        (
            {"arms": {"alone": {"overlays": []}, "soft": {"overlays": [], "seeds": [0, 2]}}},
            "parts#real#arms#soft in .* has the seed 2, but the control has not",
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
            (entry["overlays"], plan.start_keys(part, 0, name), {}) for name, entry in block.get("shared", {}).items()
        ]
        runs += [
            (entry["overlays"], plan.start_keys(part, None, name), {}) for name, entry in block.get("once", {}).items()
        ]
        for overlays, keys, evaluation in runs:
            # `check_config` refuses the folder without the overlay that reads it
            assert ("unlabelled_dir" in keys) == ("unlabelled" in overlays)
            for last, wanted in (((), keys), (("evaluate",), evaluation)):
                parser = ConfigParser()
                parser.read_config(configs(*overlays, *last))
                assert [key for key in wanted if key not in parser] == []


@pytest.mark.parametrize("name", ["study", "unpaired"])
def test_patches_of_the_shipped_plan_fit_networks_and_losses(name, tmp_path):
    plan = read_plan(PLANS / f"{name}.json", tmp_path)
    for cell in (cell for part in plan.parts for cell in plan.cells(part) if (cell.fold, cell.seed) == (0, 0)):
        parser = ConfigParser()
        parser.read_config(configs(*plan.arm(cell)["overlays"]))
        parser.update(plan.keys(cell))
        for check in (check_sizes, check_multiples, check_latent_voxels):
            check(parser, parser.get())

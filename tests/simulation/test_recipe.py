# SPDX-License-Identifier: Apache-2.0
"""A folder holds simulated scans of one recipe; another one, a damaged one and foreign files are refused."""

import json

import pytest
from scripts.common.errors import UserError
from scripts.simulation.recipe import keep_recipe

RECIPE = {"spacing": 2.0, "seed": 0}


def keep(folder, recipe=RECIPE):
    keep_recipe(folder, "cohort.json", recipe, "simulated cohort")


def test_a_new_folder_gets_the_recipe_and_the_same_recipe_is_taken_again(tmp_path):
    keep(tmp_path / "new")
    record = tmp_path / "new" / "cohort.json"
    assert json.loads(record.read_text()) == RECIPE
    (tmp_path / "new" / "subject").mkdir()
    before = record.stat().st_mtime_ns
    keep(tmp_path / "new", {"seed": 0, "spacing": 2})
    assert record.stat().st_mtime_ns == before


def test_another_recipe_is_refused_with_both(tmp_path):
    keep(tmp_path)
    with pytest.raises(UserError, match="holds a simulated cohort made with .*'seed': 0.*, not with .*'seed': 1"):
        keep(tmp_path, RECIPE | {"seed": 1})


def test_a_folder_of_other_files_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UserError, match="is not empty and holds no simulated cohort: choose another folder"):
        keep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("text, reason", [("{", "Expecting"), ("[" * 200_000, "it is nested too deeply")])
def test_a_damaged_recipe_is_told(tmp_path, text, reason):
    (tmp_path / "cohort.json").write_text(text)
    with pytest.raises(UserError, match=f"cohort.json is damaged .{reason}.*what the simulated cohort was made with"):
        keep(tmp_path)


def test_a_recipe_whose_write_was_killed_is_written_anew(tmp_path):
    (tmp_path / ".999999999.cohort.json").write_text("{")
    keep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.json"]

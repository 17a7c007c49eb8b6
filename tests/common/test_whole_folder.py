# SPDX-License-Identifier: Apache-2.0
"""A folder appears when it is complete; an error or a kill leaves the one before."""

import pytest
from scripts.common.whole_folder import remove_unfinished, whole_folder


def test_a_folder_replaces_the_one_before_when_it_is_complete(tmp_path):
    for name in "ab":
        with whole_folder(tmp_path / "x/P1") as folder:
            (folder / name).touch()
            assert folder.parent == tmp_path / "x"
    assert [path.name for path in (tmp_path / "x/P1").iterdir()] == ["b"]


def test_an_error_leaves_the_one_before_and_a_kills_rest_is_removed(tmp_path):
    for name in ("P1/old", ".4711.P1/rest", ".4711.P2/of another", ".hidden.P1/of the user"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "P1") as folder:
        (folder / "new").touch()
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.iterdir()) == [".4711.P2", ".hidden.P1", "P1"]
    assert [path.name for path in (tmp_path / "P1").iterdir()] == ["old"]


def test_what_killed_runs_left_of_any_folder_can_be_removed(tmp_path):
    for name in (".4711.P1", ".4711.P2", ".hidden.P1", "P1"):
        (tmp_path / name).mkdir()
    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden.P1", "P1"]

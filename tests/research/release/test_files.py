# SPDX-License-Identifier: Apache-2.0
"""A release takes committed files whose weights fit their hashes, and its folder is new and whole."""

import os
import subprocess

import pytest
from scripts.common.errors import UserError
from scripts.research.release.__main__ import main
from scripts.research.release.files import files_to_release, write_folder

RELEASED = [
    *("README.md", "configs/metadata.json", "docs/README.md", "docs/study.md", "large_files.yml"),
    *("models/model.json", "models/model.pt", "scripts/common/large_files.py"),
]


def test_a_release_has_what_git_tracks_and_a_user_needs(repository):
    (repository / "ignored.log").write_text("")
    assert files_to_release(repository) == RELEASED


@pytest.mark.parametrize("changed", ["configs/metadata.json", "scripts_new.py"])
def test_uncommitted_changes_are_refused_unless_allowed(repository, changed):
    (repository / changed).write_text('{"version": "1.2.4"}')
    with pytest.raises(UserError, match=f"{changed} has changes that are not committed.*--allow-dirty"):
        files_to_release(repository)
    assert files_to_release(repository, allow_dirty=True) == RELEASED


def test_weights_that_do_not_fit_the_list_are_refused_even_if_dirty_is_allowed(repository):
    (repository / "models" / "model.pt").write_text("another student")
    with pytest.raises(
        UserError, match=r"models/model\.pt does not have its hash .* scripts\.common\.large_files write"
    ):
        files_to_release(repository, allow_dirty=True)


def test_weights_that_are_not_listed_are_refused(repository):
    (repository / "models" / "new.pt").write_text("new student")
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    with pytest.raises(UserError, match=r"models/new\.pt is not in large_files.yml: list it with"):
        files_to_release(repository, allow_dirty=True)


def test_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a git repository.*run from a clone"):
        files_to_release(tmp_path)


def test_a_folder_gets_the_files_at_their_places_and_nothing_else_is_left(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a.sh").write_text("run")
    (tmp_path / "from" / "a.sh").chmod(0o755)
    (tmp_path / "from" / "b.md").write_text("text")
    places = {"a.sh": "x/y/a.sh", "b.md": "b.md"}
    write_folder(tmp_path / "from", places, tmp_path / "to" / "here", {"b.md": "other text"})
    assert (tmp_path / "to" / "here" / "b.md").read_text() == "other text"
    assert os.access(tmp_path / "to" / "here" / "x" / "y" / "a.sh", os.X_OK)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["here"]


def test_a_folder_with_files_is_refused_and_kept(tmp_path):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine").write_text("mine")
    with pytest.raises(UserError, match="to exists: remove it, or choose another folder"):
        write_folder(tmp_path, {"to/mine": "mine"}, tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["mine"]


def test_a_copy_that_fails_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="to cannot be written.*choose another folder"):
        write_folder(tmp_path, {"missing": "missing"}, tmp_path / "to")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_each_of_the_three_that_it_is_asked_for(repository, tmp_path, capsys):
    output, hub, zoo = (str(tmp_path / name) for name in ("packed", "hub", "zoo"))
    main(["--bundle_root", str(repository), "--output", output, "--hub", hub, "--zoo", zoo])
    name = "brats_limited_modality_segmentation"
    assert capsys.readouterr().out.splitlines() == [
        *(f"{output}/{name}_v1.2.3.zip", f"{hub}/{name}", f"{zoo}/models/{name}")
    ]
    with pytest.raises(SystemExit):
        main(["--bundle_root", str(repository)])
    assert "give at least one of --output, --hub and --zoo" in capsys.readouterr().err

# SPDX-License-Identifier: Apache-2.0
"""A release takes committed files that a user needs, and its folder is new and whole."""

import io
import zipfile

import pytest
from scripts.common.errors import UserError
from scripts.research.release.__main__ import main
from scripts.research.release.files import archive, new_folder
from tiny import ROOT

RELEASED = {
    *("README.md", "configs/metadata.json", "docs/README.md", "docs/study.md", "large_files.yml"),
    *("models/model.json", "models/model.pt", "scripts/common/large_files.py"),
}


def _files(content) -> set[str]:
    return {name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if not name.endswith("/")}


def test_a_release_has_what_git_tracks_and_a_user_needs(repository):
    (repository / "ignored.log").write_text("")
    assert _files(archive(repository, False)) == RELEASED


def test_what_only_developers_need_is_in_no_release():
    names = _files(archive(ROOT, True))
    left_out = ("tests/", "scripts/research/", "docs/results/study_starts/", ".", "pyproject.toml", "requirements-test")
    assert "requirements.txt" in names and not [name for name in names if name.startswith(left_out)]


@pytest.mark.parametrize("changed", ["configs/metadata.json", "scripts_new.py"])
def test_uncommitted_changes_are_refused_unless_allowed(repository, changed):
    (repository / changed).write_text('{"version": "1.2.4"}')
    with pytest.raises(UserError, match=f"{changed} has changes that are not committed.*--allow-dirty"):
        archive(repository, False)
    content = archive(repository, True)
    assert _files(content) == RELEASED
    assert (b"1.2.4" in content) == (changed == "configs/metadata.json")


def test_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a git repository.*run from a clone"):
        archive(tmp_path, False)


def test_a_folder_gets_the_files_and_nothing_else_is_left(repository, tmp_path):
    with new_folder(tmp_path / "to" / "here", archive(repository, False)) as new:
        (new / "README.md").write_text("other text")
    assert (tmp_path / "to" / "here" / "README.md").read_text() == "other text"
    assert (tmp_path / "to" / "here" / "models" / "model.pt").read_text() == "student"
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["here"]


def test_a_folder_with_files_is_refused_and_kept(repository, tmp_path):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine").write_text("mine")
    with pytest.raises(UserError, match="to exists: remove it, or choose another folder"):
        with new_folder(tmp_path / "to", archive(repository, False)):
            pass
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["mine"]


def test_a_change_that_fails_leaves_no_folder(repository, tmp_path):
    with pytest.raises(OSError, match="full"):
        with new_folder(tmp_path / "to" / "here", archive(repository, False)):
            raise OSError("full")
    assert list((tmp_path / "to").iterdir()) == []


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

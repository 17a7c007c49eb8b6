# SPDX-License-Identifier: Apache-2.0
"""The released zip has what a user needs; MONAI downloads, loads and runs it."""

import os
import subprocess
import sys
import zipfile

import nibabel as nib
import pytest
from scripts.common.errors import UserError
from scripts.common.large_files import write_list
from scripts.research.release import NAME, main, write_release
from tiny import ROOT


def _git(root, *arguments) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A committed bundle of a few files, of version 1.2.3, with one listed weight file."""
    root = tmp_path / "repository"
    files = {
        "configs/metadata.json": '{"version": "1.2.3"}',
        "models/model.pt": "student",
        "docs/study.md": "page",
        "scripts/common/large_files.py": "of a user",
        "scripts/research/release.py": "of a developer",
        "tests/test_a.py": "test",
        ".gitignore": "*.log\n",
        "large_files.yml": "# from here\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_list(root, "https://example.org")
    _git(root, "init")
    _git(root, "add", ".")
    _git(root, "commit", "-m", "a bundle")
    return root


def _names(path) -> list[str]:
    with zipfile.ZipFile(path) as packed:
        return [name.removeprefix(f"{NAME}/") for name in packed.namelist()]


def test_zip_has_what_git_tracks_and_a_user_needs(repository, tmp_path):
    (repository / "ignored.log").write_text("")
    path = write_release(repository, tmp_path / "packed")
    assert path.name == f"{NAME}_v1.2.3.zip"
    assert _names(path) == [
        *("configs/metadata.json", "docs/study.md", "large_files.yml", "models/model.pt"),
        "scripts/common/large_files.py",
    ]


def test_same_files_give_the_same_bytes(repository, tmp_path):
    first = write_release(repository, tmp_path / "first").read_bytes()
    for file in repository.rglob("*.*"):
        if ".git" not in file.parts:
            os.utime(file, (1e9, 1e9))
    assert write_release(repository, tmp_path / "second").read_bytes() == first


@pytest.mark.parametrize("changed", ["configs/metadata.json", "scripts_new.py"])
def test_uncommitted_changes_are_refused_unless_allowed(repository, tmp_path, changed):
    (repository / changed).write_text('{"version": "1.2.4"}')
    with pytest.raises(UserError, match=f"{changed} has changes that are not committed.*--allow-dirty"):
        write_release(repository, tmp_path)
    assert not list(tmp_path.glob("*.zip"))
    main(["--bundle_root", str(repository), "--output", str(tmp_path), "--allow-dirty"])
    assert len(list(tmp_path.glob("*.zip"))) == 1


def test_weights_that_do_not_fit_the_list_are_refused_even_if_dirty_is_allowed(repository, tmp_path):
    (repository / "models" / "model.pt").write_text("another student")
    with pytest.raises(
        UserError, match=r"models/model\.pt does not have its hash .* scripts\.common\.large_files write"
    ):
        write_release(repository, tmp_path, allow_dirty=True)


def test_weights_that_are_not_listed_are_refused(repository, tmp_path):
    (repository / "models" / "new.pt").write_text("new student")
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    with pytest.raises(UserError, match=r"models/new\.pt is not in large_files.yml: list it with"):
        write_release(repository, tmp_path, allow_dirty=True)


def test_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a git repository.*run from a clone"):
        write_release(tmp_path, tmp_path / "packed")


LOAD = """
import sys
import monai.bundle
import torch
url, name = sys.argv[1:]

def check(network, file):
    stored, own = torch.load(file, weights_only=True), network.state_dict()
    assert stored.keys() == own.keys()  # weights may be stored as float16
    assert all(torch.equal(stored[key].to(own[key].dtype), own[key]) for key in own)

monai.bundle.download(name=name, bundle_dir=".", url=url, progress=False)
sys.path.insert(0, name)
arguments = {"name": name, "workflow_type": "inference", "device": "cpu"}
check(monai.bundle.load(bundle_dir=".", **arguments), f"{name}/models/model.pt")
teacher = monai.bundle.load(
    bundle_dir=".", model_file="models/teacher.pt", net_override={"in_channels": 4}, **arguments
)
check(teacher, f"{name}/models/teacher.pt")
# a GitHub release's file has the zip's name; the release here is a folder
monai.bundle.scripts._get_git_release_url = lambda *_, tag_name, filename: url.rpartition("/")[0] + "/" + filename
arguments |= {"source": "github", "repo": "owner/repository/tag", "version": url.rpartition("_v")[2][: -len(".zip")]}
check(monai.bundle.load(bundle_dir="released", progress=False, **arguments), f"released/{name}/models/model.pt")
"""


def _run(folder, *arguments) -> None:
    # another process, whose `scripts` are those of the unpacked bundle
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_monai_downloads_loads_and_runs_the_released_bundle(tmp_path, one_subject):
    url = write_release(ROOT, tmp_path / "hub", allow_dirty=True).as_uri()
    user = tmp_path / "user"
    user.mkdir()
    _run(user, "-c", LOAD, url, NAME)
    output = tmp_path / "segmentations"
    inference = ("-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.json")
    keys = ("--dataset_dir", str(one_subject.parent), "--output_dir", str(output), "--device", "cpu")
    _run(user / NAME, *inference, *keys)
    label_map = nib.load(output / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert label_map.shape == nib.load(one_subject / f"{one_subject.name}_flair.nii.gz").shape


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_metadata_without_a_version_are_told(repository, tmp_path, content):
    (repository / "configs" / "metadata.json").write_text(content)
    with pytest.raises(UserError, match="configs/metadata.json has no version of the bundle: restore it"):
        write_release(repository, tmp_path / "out", allow_dirty=True)

# SPDX-License-Identifier: Apache-2.0
"""The released zip has what a user needs; MONAI downloads, loads and runs it."""

import os
import subprocess
import sys
import zipfile

import nibabel as nib
from scripts.research.release.files import NAME
from scripts.research.release.zip_file import write_zip
from tiny import ROOT


def test_zip_has_its_version_and_one_folder(repository, tmp_path):
    path = write_zip(repository, tmp_path / "packed")
    assert path.name == f"{NAME}_v1.2.3.zip"
    with zipfile.ZipFile(path) as packed:
        assert all(name.startswith(f"{NAME}/") for name in packed.namelist())
        assert packed.read(f"{NAME}/models/model.pt") == b"student"


def test_same_commit_gives_the_same_bytes(repository, tmp_path, monkeypatch):
    first = write_zip(repository, tmp_path / "first").read_bytes()
    for file in repository.rglob("*.*"):
        if ".git" not in file.parts:
            os.utime(file, (1e9, 1e9))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert write_zip(repository, tmp_path / "second").read_bytes() == first


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
    url = write_zip(ROOT, tmp_path / "hub", allow_dirty=True).as_uri()
    user = tmp_path / "user"
    user.mkdir()
    _run(user, "-c", LOAD, url, NAME)
    output = tmp_path / "segmentations"
    inference = ("-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.json")
    keys = ("--dataset_dir", str(one_subject.parent), "--output_dir", str(output), "--device", "cpu")
    _run(user / NAME, *inference, *keys)
    label_map = nib.load(output / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert label_map.shape == nib.load(one_subject / f"{one_subject.name}_flair.nii.gz").shape

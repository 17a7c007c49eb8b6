# SPDX-License-Identifier: Apache-2.0
"""The simulated cohort on disk: the same bytes in any way of making it, resumable, of one recipe."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.simulation.cohort import ensure_cohort, make_cohort
from tiny import ROOT

COARSE = {"spacing": 5.0, "validation": 0, "test": 1}


def _digests(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("Simulated_*/*"))
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "one_worker"
    make_cohort(folder, training=2, workers=1, **COARSE)
    return folder


def test_bytes_do_not_depend_on_workers_or_size(cohort, tmp_path):
    make_cohort(tmp_path / "other", training=1, workers=2, **COARSE)
    here, there = _digests(cohort), _digests(tmp_path / "other")
    assert len(here) == 3 * 6 and len(there) == 2 * 6
    assert there.items() <= here.items()


def test_interrupted_cohort_is_finished_and_a_complete_one_left_alone(cohort, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(cohort, folder)
    shutil.rmtree(folder / "Simulated_00001")
    (folder / "dataset.json").unlink()
    (folder / ".999999999.Simulated_00001").mkdir()
    (folder / ".999999999.dataset.json").touch()
    kept = (folder / "Simulated_00000" / "Simulated_00000_t1.nii.gz").stat().st_mtime_ns
    make_cohort(folder, training=2, workers=1, **COARSE)
    assert _digests(folder) == _digests(cohort)
    assert (folder / "Simulated_00000" / "Simulated_00000_t1.nii.gz").stat().st_mtime_ns == kept
    assert (folder / "dataset.json").read_text() == (cohort / "dataset.json").read_text()
    assert not list(folder.glob(".*"))


def test_scans_look_like_brats_to_a_reader(cohort):
    subject = cohort / "Simulated_00000"
    images = {s: nib.load(subject / f"Simulated_00000_{s}.nii.gz") for s in (*SEQUENCES, "seg")}
    assert {image.shape for image in images.values()} == {(48, 48, 31)}
    label = np.asarray(images["seg"].dataobj)
    assert set(np.unique(label)) <= {0, 1, 2, 4} and (label > 0).any()
    for sequence in SEQUENCES:
        scan = np.asarray(images[sequence].dataobj)
        assert scan.min() == 0 and scan[0, 0, 0] == 0 and scan.dtype == np.int16
        assert nib.aff2axcodes(images[sequence].affine) == ("L", "P", "S")


def test_datalist_names_the_parts(cohort):
    content = json.loads((cohort / "dataset.json").read_text())
    assert [len(content[part]) for part in ("training", "validation", "test")] == [2, 0, 1]
    assert content["label_convention"] == "brats" and content["training"][0]["maps"].endswith("_maps.npz")


def test_another_recipe_is_refused(cohort):
    with pytest.raises(UserError, match="holds a simulated cohort made with .*'training': 2.*choose another folder"):
        make_cohort(cohort, training=3, **COARSE)


def test_only_the_default_folder_is_simulated(tmp_path):
    assert ensure_cohort(str(tmp_path / "mine"), str(tmp_path / "default"), training=1) == str(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_a_cohort_from_before_version_0_7_is_used_as_it_is(cohort, tmp_path):
    shutil.copytree(cohort, tmp_path / "old")
    file = tmp_path / "old" / "dataset.json"
    file.write_text(file.read_text().replace('"label_convention"', '"numbering"'))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "old").rglob("*")}
    assert ensure_cohort(str(tmp_path / "old"), str(tmp_path / "old"), training=2, **COARSE) == str(tmp_path / "old")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "old").rglob("*")} == before
    items = subjects_in(tmp_path / "old", SEQUENCES)
    assert [item["part"] for item in items] == ["training", "training", "test"]
    assert {item["label_convention"] for item in items} == {"brats"}


def _start(folder, training):
    keys = {"folder": str(folder), "training": training, "workers": 1} | COARSE
    command = [sys.executable, "-m", "scripts.simulation.cohort", *(f"--{key}={value}" for key, value in keys.items())]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_two_processes_make_one_cohort_in_turn(cohort, tmp_path):
    both = [_start(tmp_path / "both", training=0) for _ in range(2)]
    texts = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert _digests(tmp_path / "both").items() <= _digests(cohort).items() and not list((tmp_path / "both").glob(".*"))


def _children(process):
    folder = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in folder.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_workers_end_with_their_parent(tmp_path):
    process = _start(tmp_path / "killed", training=50)
    while not list((tmp_path / "killed").glob("*Simulated_*")):
        assert process.poll() is None
        time.sleep(0.05)
    children = _children(process)
    process.kill()
    process.communicate()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "a worker outlives its parent"
        time.sleep(0.05)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cohort in .*file/cohort cannot be written \(.*\): choose another folder"):
        make_cohort(tmp_path / "file" / "cohort", training=1, **COARSE)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"training": -1}, "training is -1, but must be a whole number of at least 0"),
        ({"test": 1.5}, "test is 1.5, but must be a whole number"),
        ({"seed": "x"}, "seed is 'x', but must be a whole number"),
        ({"spacing": 10}, "spacing is 10, but subjects are simulated at 0.5 to 8 mm"),
        ({"spacing": "2"}, "spacing is '2', but subjects are simulated at 0.5 to 8 mm"),
        ({"workers": -1}, "workers is -1, but must be a whole number of at least 1"),
        ({"training": 0, "validation": 0, "test": 0}, "The cohort would have no subject"),
    ],
)
def test_impossible_arguments_are_refused_before_anything_is_written(tmp_path, arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        make_cohort(tmp_path / "cohort", **arguments)
    assert not list(tmp_path.iterdir())

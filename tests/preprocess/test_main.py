# SPDX-License-Identifier: Apache-2.0
"""The command reports the subjects that fail, and makes the others ready."""

import errno
import json
import sys

import numpy as np
import pytest
from conftest import save
from scripts.common.errors import UserError
from scripts.preprocess.__main__ import main
from scripts.preprocess.subject import make_ready

from tests.preprocess.head import AFFINE, scan


@pytest.fixture
def raw(tmp_path):
    for name in ("t1", "t2"):
        save(scan(bright=300 if name == "t1" else 900), tmp_path / f"raw/P1/{name}.nii.gz", AFFINE)
    save(scan(), tmp_path / "raw/P2/unknown.nii.gz", AFFINE)
    return tmp_path / "raw"


def run(raw, *more):
    main([str(raw), str(raw.parent / "ready"), "--registered", *map(str, more)])


def test_a_failing_subject_is_reported_and_the_others_go_on(raw, capsys):
    with pytest.raises(SystemExit) as ended:
        run(raw)
    printed = capsys.readouterr().out
    assert ended.value.code == 1 and "1 of 2 subjects are ready" in printed
    assert "P1: ready, in the grid of the t1; brain: stripped already" in printed
    assert "    t2: t2.nii.gz (its file name ends in t2); moved 0.0 mm, turned 0.0 degrees" in printed
    assert "Error: P2: none of its scans is known to be T1, T1ce, T2 or FLAIR (unknown.nii.gz: not clear" in printed
    results = json.loads((raw.parent / "ready/preprocess.json").read_text())
    assert results["P1"] == {"state": "ready"} and results["P2"]["state"] == "failed"


def test_what_a_killed_conversion_of_another_subject_left_is_removed_as_it_may_name_persons(raw):
    left = raw.parent / "ready/.converted/.4711.P3/named.json"
    left.parent.mkdir(parents=True)
    left.touch()
    run(raw, "--only", "P1")
    assert not left.parent.exists()


def test_a_file_that_the_system_cannot_read_fails_its_subject_and_a_full_disk_the_run(raw, monkeypatch, capsys):
    def broken(subject, folder, *more):
        if subject == "P1":
            raise OSError(errno.EIO, "Input/output error", "P1/t1.nii.gz")
        return make_ready(subject, folder, *more)

    monkeypatch.setattr("scripts.preprocess.__main__.make_ready", broken)
    with pytest.raises(SystemExit):
        run(raw)
    assert "Error: P1: P1/t1.nii.gz cannot be read (Input/output error)." in capsys.readouterr().out
    results = json.loads((raw.parent / "ready/preprocess.json").read_text())
    assert {name: result["state"] for name, result in results.items()} == {"P1": "failed", "P2": "failed"}

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("scripts.preprocess.__main__.make_ready", full)
    with pytest.raises(OSError, match="No space left"):
        run(raw)


def test_a_second_run_goes_on_and_a_choice_helps(raw, capsys):
    with pytest.raises(SystemExit):
        run(raw)
    choice = raw.parent / "choice.json"
    choice.write_text(json.dumps({"P2": {"flair": "unknown.nii.gz"}}))
    run(raw, "--choice", choice)
    printed = capsys.readouterr().out
    assert "P1: was ready" in printed and "2 of 2 subjects are ready" in printed
    assert (raw.parent / "ready/P2/P2_flair.nii.gz").is_file()


@pytest.mark.parametrize("text", ["{", "[" * 200_000, "[]"])
def test_results_of_earlier_runs_that_are_damaged_are_written_anew(raw, text):
    ready = raw.parent / "ready"
    ready.mkdir()
    (ready / "preprocess.json").write_text(text)
    run(raw, "--only", "P1")
    assert json.loads((ready / "preprocess.json").read_text()) == {"P1": {"state": "ready"}}


def test_wrong_arguments_are_refused_before_anything_is_made(raw):
    with pytest.raises(UserError, match="has no folder P9: give one of P1, P2"):
        run(raw, "--only", "P9")
    for ready in (raw, raw / "ready", raw.parent):
        with pytest.raises(UserError, match="are one folder, or one lies in the other"):
            main([str(raw), str(ready)])
    assert not (raw.parent / "ready").exists()


def test_a_missing_package_ends_the_run_in_a_sentence(raw, monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    with pytest.raises(
        UserError, match="antspyx is needed to register the scans .*pip install -r requirements-preprocess"
    ):
        main([str(raw), str(raw.parent / "ready")])
    assert np.size(list((raw.parent / "ready").glob("P*"))) == 0

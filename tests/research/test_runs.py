# SPDX-License-Identifier: Apache-2.0
"""Trainings and evaluations started from Python run once, and a failure in a worker is reported."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from scripts.common.errors import UserError
from scripts.research.runs import ensure_simulated, evaluate_once, run_all, train_once
from tiny import ROOT, tiny


def _refused():
    try:
        raise UserError("the folder is empty: fill it.")
    except UserError as error:
        raise RuntimeError("Failed to evaluate ConfigExpression") from error  # as MONAI wraps it


def _crash():
    raise KeyError("dice")


def test_failed_tasks_are_named_with_their_sentence_and_the_others_are_done(tmp_path, capfd):
    done = tmp_path / "done"
    tasks = [("a", _refused, ()), ("b", _crash, ()), ("c", done.touch, ())]
    with pytest.raises(UserError, match="2 of 3 tasks failed; the others are kept") as error:
        run_all(tasks, workers=1)
    assert "a: the folder is empty: fill it." in str(error.value) and "b: 'dice'" in str(error.value)
    assert done.exists()
    assert "KeyError: 'dice'" in capfd.readouterr().err and "ConfigExpression" not in str(error.value)


def test_after_each_task_that_succeeded_the_parent_is_called(tmp_path):
    tasks = [("a", _crash, ()), ("b", (tmp_path / "b").touch, ()), ("c", (tmp_path / "c").touch, ())]
    found = []
    with pytest.raises(UserError, match="1 of 3 tasks failed"):
        run_all(tasks, workers=1, after=lambda: found.append(len(list(tmp_path.iterdir()))))
    assert len(found) == 2 and found[-1] == 2


def _note_threads(file):
    file.write_text(str(torch.get_num_threads()))


def test_workers_share_the_threads_that_torch_may_use_here(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    run_all([(name, _note_threads, (tmp_path / name,)) for name in "ab"], workers=2)
    assert [(tmp_path / name).read_text() for name in "ab"] == ["3", "3"]


PARENT = """
import os, sys, time
from pathlib import Path
from scripts.research.runs import run_all

def wait():
    Path("worker").write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    run_all([("wait", wait, ())], workers=1)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_a_worker_ends_with_its_parent_also_if_that_was_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path, env=environment)
    while not (tmp_path / "worker").is_file() or not (tmp_path / "worker").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while Path("/proc", (tmp_path / "worker").read_text()).exists():
        assert time.monotonic() < until, "the worker outlives its parent"
        time.sleep(0.05)


def test_a_finished_training_is_not_run_again_and_other_keys_are_refused(tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: runs.append(keys))
    for root in ("here", "moved"):  # where the bundle lies does not matter
        seconds = train_once(("kd_net",), tmp_path, {"epochs": 3, "bundle_root": root})
    assert len(runs) == 1 and seconds == json.loads((tmp_path / "seconds.json").read_text())
    with pytest.raises(UserError, match="has a training with epochs 3, now it is 4: remove the folder to run it again"):
        train_once(("kd_net",), tmp_path, {"epochs": 4})
    with pytest.raises(UserError, match="overlays"):
        train_once((), tmp_path, {"epochs": 3})


def test_an_interrupted_training_is_resumed_and_its_duration_is_unknown(tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: runs.append(keys["resume"]))
    (tmp_path / "last.pt").touch()
    assert train_once((), tmp_path, {"epochs": 3}) is None
    assert runs == [True] and not (tmp_path / "last.pt").exists()


def test_an_interrupted_evaluation_starts_again_and_a_finished_one_does_not(tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: runs.append(files[-1]))
    (tmp_path / "cases.csv").write_text("half a table")
    for _ in range(2):
        assert evaluate_once((), tmp_path, {}) == tmp_path / "cases.csv"
    assert len(runs) == 1 and runs[0].endswith("configs/evaluate.json")


def test_a_training_from_other_weights_under_the_same_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: None)
    start = tmp_path / "start" / "model.pt"
    start.parent.mkdir()
    start.write_text("first")
    for keys in ({"start_from": str(start.parent)}, {"teacher_from": str(start)}):
        start.write_text("first")
        output = tmp_path / next(iter(keys))
        for _ in range(2):
            train_once((), output, keys)
        start.write_text("second")
        with pytest.raises(UserError, match="has a training with weights of .*_from, model.pt '.{64}', now it is"):
            train_once((), output, keys)


def test_results_of_other_weights_or_keys_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: None)
    (tmp_path / "model.pt").write_text("first")
    keys = {"ckpt_dir": str(tmp_path), "part": "test"}
    evaluate_once((), tmp_path / "out", keys)
    with pytest.raises(UserError, match="finished evaluation with part 'test', now it is 'validation'"):
        evaluate_once((), tmp_path / "out", keys | {"part": "validation"})
    (tmp_path / "model.pt").write_text("second")
    with pytest.raises(UserError, match="finished evaluation with weights of ckpt_dir, model.pt"):
        evaluate_once((), tmp_path / "out", keys)


def test_the_cohort_of_a_run_is_simulated_once(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("scripts.research.runs.ensure_cohort", lambda *given, **recipe: made.append((given, recipe)))
    cohort = str(tmp_path / "cohort")
    ensure_simulated(("with_real",), tiny(cohort) | {"real#dataset_dir": "somewhere"})
    ((given, recipe),) = made
    assert given == (cohort, cohort) and recipe["training"] == 2 and recipe["spacing"] == 4.0

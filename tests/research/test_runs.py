"""Trainings started from Python: each once, and what goes wrong in a worker is told."""

import json

import pytest

from scripts.common.errors import UserError
from scripts.research.runs import run_all, train_once


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
    with pytest.raises(UserError, match="2 of 3 tasks failed.*") as error:
        run_all(tasks, workers=1)
    assert "a: the folder is empty: fill it." in str(error.value) and "b: 'dice'" in str(error.value)
    assert done.exists()
    assert "KeyError: 'dice'" in capfd.readouterr().err and "ConfigExpression" not in str(error.value)


def test_finished_training_is_not_run_again_and_other_keys_are_refused(tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr("scripts.research.runs.run_workflow", lambda files, kind, keys: runs.append(keys))
    for root in ("here", "moved"):  # where the bundle lies does not matter
        seconds = train_once(("kd_net",), tmp_path, {"epochs": 3, "bundle_root": root})
    assert len(runs) == 1 and seconds == json.loads((tmp_path / "seconds.json").read_text())
    with pytest.raises(UserError, match="has a training with epochs 3, now it is 4: remove the folder"):
        train_once(("kd_net",), tmp_path, {"epochs": 4})
    with pytest.raises(UserError, match="overlays"):
        train_once((), tmp_path, {"epochs": 3})

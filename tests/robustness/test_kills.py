# SPDX-License-Identifier: Apache-2.0
"""Killed and resumed trainings are compared with an uninterrupted one."""

import pytest
import torch
from scripts.common.errors import UserError

from tests.robustness.kills import Killed, largest_difference, report, run_kills


def test_a_training_killed_at_a_random_moment_ends_at_the_uninterrupted_ones_weights(tmp_path):
    (killed,) = run_kills(tmp_path / "work", trainings=1, seed=1, keys={"epochs": 2})
    assert killed.difference == 0 and killed.leftovers == 0


def test_the_largest_difference_is_that_of_any_weight(tmp_path):
    for name, value in {"a": 1.0, "b": 1.5}.items():
        (tmp_path / name).mkdir()
        torch.save({"distiller": {"w": torch.ones(2)}}, tmp_path / name / "last.pt")
        torch.save({"w": torch.tensor([1.0, value])}, tmp_path / name / "model.pt")
        torch.save({"w": torch.ones(1)}, tmp_path / name / "teacher.pt")
    assert largest_difference(tmp_path / "a", tmp_path / "b") == 0.5


def test_the_report_counts_the_equal_ones():
    text = report([Killed(1.25, 0, False, 0.0, 0), Killed(9.0, 4, True, 0.5, 1)])
    assert text.startswith("1 of 2 trainings that were killed and resumed end at the weights")
    assert "| 1 | 1.2 | 0 | 0 |" in text and "| 2 | 9.0 | ended | 0.5 |" in text and "1 hidden files" in text


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(UserError, match="is not empty: give another folder with --work"):
        run_kills(tmp_path, trainings=1)

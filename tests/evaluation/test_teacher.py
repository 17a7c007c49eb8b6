# SPDX-License-Identifier: Apache-2.0
"""The teacher is evaluated only if its weights exist and every subject has its sequences; the log says why not."""

import logging

import pytest
from conftest import write_subject
from scripts.common.sequences import SEQUENCES
from scripts.evaluation.teacher import teacher_can_be_evaluated


@pytest.fixture
def folders(tmp_path):
    """Folder of two complete subjects, and one with ``teacher.pt``."""
    for subject in ("BraTS2021_00001", "BraTS2021_00002"):
        write_subject(tmp_path / "data", subject)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "teacher.pt").touch()
    return tmp_path / "data", tmp_path / "models"


def _can(data, models, teacher_training="joint", teacher_from=None):
    return teacher_can_be_evaluated(teacher_training, str(models), teacher_from, str(data), SEQUENCES)


def test_a_teacher_with_weights_and_sequences_is_evaluated(folders, tmp_path):
    data, models = folders
    assert _can(data, models)
    assert _can(data, tmp_path, "frozen", str(models)) and not _can(data, models, "frozen", str(tmp_path))
    assert not _can(data, models, "none")


def test_missing_weights_are_named_in_the_log(folders, caplog):
    data, models = folders
    (models / "teacher.pt").unlink()
    with caplog.at_level(logging.INFO):
        assert not _can(data, models)
    assert f"no weights at {models / 'teacher.pt'}" in caplog.text


def test_missing_sequences_are_named_in_the_log(folders, caplog):
    data, models = folders
    (data / "BraTS2021_00002" / "BraTS2021_00002_t1.nii.gz").unlink()
    with caplog.at_level(logging.INFO):
        assert not _can(data, models)
    assert "BraTS2021_00002 lacks t1" in caplog.text

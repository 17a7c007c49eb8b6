# SPDX-License-Identifier: Apache-2.0
"""A subject is ready if its folder was made of just these files; anything else in its place is not overwritten."""

import json

import pytest
from scripts.common.errors import ScanError
from scripts.preprocess.record import is_ready, preprocess_record_path, read_preprocess_record

RECORD = {"subject": "P1", "made_of": "hash", "reference": "t1", "grid": {}, "sequences": {}}


def write(ready, content):
    preprocess_record_path(ready, "P1").parent.mkdir(parents=True, exist_ok=True)
    preprocess_record_path(ready, "P1").write_text(json.dumps(content))


def test_a_subject_is_ready_if_it_was_made_of_the_same(tmp_path):
    assert not is_ready(tmp_path, "P1", "hash")
    write(tmp_path, RECORD)
    assert is_ready(tmp_path, "P1", "hash")


def test_a_subject_of_other_files_and_a_foreign_folder_are_not_overwritten(tmp_path):
    write(tmp_path, RECORD)
    with pytest.raises(ScanError, match="P1 was made of other raw files, choices or settings and is not overwritten"):
        is_ready(tmp_path, "P1", "other")
    (tmp_path / "P2").mkdir()
    with pytest.raises(ScanError, match="P2 was not made by this command"):
        is_ready(tmp_path, "P2", "hash")


@pytest.mark.parametrize("content", [[1], {"subject": "P1"}])
def test_another_file_is_no_record(tmp_path, content):
    write(tmp_path, content)
    with pytest.raises(ScanError, match="is no record of python -m scripts.preprocess"):
        read_preprocess_record(tmp_path, "P1")


@pytest.mark.parametrize("text, reason", [("{", "Expecting"), ("[" * 200_000, "it is nested too deeply")])
def test_a_damaged_record_is_told(tmp_path, text, reason):
    write(tmp_path, RECORD)
    preprocess_record_path(tmp_path, "P1").write_text(text)
    with pytest.raises(ScanError, match=f"cannot be read .{reason}"):
        read_preprocess_record(tmp_path, "P1")

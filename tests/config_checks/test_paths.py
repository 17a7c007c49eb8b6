# SPDX-License-Identifier: Apache-2.0
"""Paths: what is none is refused, and what the command line gives is completed."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check, checked_in_a_run


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("ckpt_dir", 2024.5, "ckpt_dir is 2024.5, but must be a path: write it with a folder, such as ./2024.5"),
        ("ckpt_dir", None, "ckpt_dir is None, but must be a path"),
        ("ckpt_dir", "", "ckpt_dir is empty, but must be a path"),
    ],
)
def test_what_is_no_path_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})


def test_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert checked_in_a_run("output_dir", "~/results") == ["/home/someone/results"]


def test_a_folder_whose_name_is_a_number_is_understood():
    assert checked_in_a_run("output_dir", 2021) == ["2021"]


def test_a_split_file_is_a_path_or_null():
    check(split={"split_file": None}, train={}, dataset="@split")
    with pytest.raises(UserError, match="split#split_file is True, but must be a path"):
        check(split={"split_file": True}, train={}, dataset="@split#split_file")

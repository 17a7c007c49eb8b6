# SPDX-License-Identifier: Apache-2.0
"""JSON files are read and written in UTF-8, and what cannot be read or written is an error of one kind."""

import math
import subprocess
import sys

import pytest
from scripts.common.errors import UserError
from scripts.common.json_files import read_given_json, read_json, save_json
from tiny import ROOT


def test_what_is_saved_is_read_again(tmp_path):
    content = {"name": "Müller", "list": [1, 2.5, None, True]}
    save_json(tmp_path / "new" / "a.json", content)
    assert read_json(tmp_path / "new" / "a.json") == content
    save_json(tmp_path / "a.json", [1, {"b": 2}], indent=None)
    assert (tmp_path / "a.json").read_bytes() == b'[1, {"b": 2}]\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "new"]


@pytest.mark.skipif(sys.platform == "win32", reason="the system's encoding is set otherwise there")
def test_files_are_in_utf_8_where_the_system_has_another_encoding(tmp_path):
    (tmp_path / "a.json").write_bytes('"ü"'.encode())
    code = (
        "from scripts.common.json_files import read_json, save_json\n"
        f"save_json('{tmp_path}/b.json', read_json('{tmp_path}/a.json'), ensure_ascii=False)"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-X", "utf8=0", "-c", code], env=ascii_only, check=True)
    assert (tmp_path / "b.json").read_bytes() == '"ü"\n'.encode()


@pytest.mark.parametrize(
    "content, reason",
    [(b"{", "Expecting property name"), (b'"\xff"', "can't decode byte"), (b"[" * 200_000, "it is nested too deeply")],
)
def test_what_is_no_json_is_a_value_error(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_json(tmp_path / "a.json")


def test_bytes_that_are_not_utf_8_may_be_replaced(tmp_path):
    (tmp_path / "a.json").write_bytes(b'"\xff"')
    assert read_json(tmp_path / "a.json", errors="replace") == "\ufffd"


def test_a_file_that_is_missing_stays_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "a.json")


def test_content_that_json_cannot_hold_leaves_the_file_as_it_was(tmp_path):
    save_json(tmp_path / "a.json", 1)
    for content, kwargs in (({1, 2}, {}), (math.nan, {"allow_nan": False})):
        with pytest.raises((TypeError, ValueError)):
            save_json(tmp_path / "a.json", content, **kwargs)
    assert read_json(tmp_path / "a.json") == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a.json cannot be written"):
        save_json(tmp_path / "file" / "a.json", 1)


def test_a_file_of_a_user_that_is_no_json_is_refused_by_its_name(tmp_path):
    path = tmp_path / "given.json"
    path.write_text('{"a": 1}')
    assert read_given_json(path) == {"a": 1}
    path.write_text('{"a": 1')
    with pytest.raises(UserError, match=r"given.json is not valid JSON \(Expecting .*\): correct it"):
        read_given_json(path)

# SPDX-License-Identifier: Apache-2.0
"""Scripts and tests use the language and the library of Python 3.10, the oldest version in the model zoo's checks."""

import ast
import subprocess
import sys

import pytest
from tiny import ROOT

OLDEST = (3, 10)
VERMIN = "from vermin.main import main; main()"


def newer_than_oldest(folder) -> str:
    """What in the files of a folder needs a newer Python, as vermin lists it; empty if nothing does."""
    options = ["-t={}.{}-".format(*OLDEST), "--violations", "--quiet", "--eval-annotations", "--no-parse-comments"]
    command = [sys.executable, "-c", VERMIN, *options, str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("folder", ["scripts", "tests"])
def test_nothing_is_newer_than_the_oldest_python(folder):
    for file in (ROOT / folder).rglob("*.py"):
        # vermin passes over a file that it cannot read
        ast.parse(file.read_text(), filename=str(file), feature_version=OLDEST)
    assert newer_than_oldest(ROOT / folder) == ""


@pytest.mark.parametrize(
    "source, needed",
    [
        ("import hashlib\nwith open('file', 'rb') as file:\n    hashlib.file_digest(file, 'sha256')\n", "file_digest"),
        ("from hashlib import file_digest\n", "file_digest"),
        ("import tomllib\n", "tomllib"),
        ("try:\n    pass\nexcept* ValueError:\n    pass\n", "except*"),
        ("from enum import StrEnum\n", "StrEnum"),
        ("import datetime\nnow = datetime.datetime.now(datetime.UTC)\n", "datetime.UTC"),
        ("from typing import Self\n", "Self"),
        ("import contextlib\ncontextlib.chdir('/')\n", "contextlib.chdir"),
        ("raise ExceptionGroup('several', [])\n", "ExceptionGroup"),
    ],
)
def test_what_came_with_python_3_11_is_found(tmp_path, source, needed):
    (tmp_path / "newer.py").write_text(source)
    assert needed in newer_than_oldest(tmp_path)

# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest
from scripts.common.errors import UserError
from scripts.common.files import remove_leftovers, save_atomically


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    save_atomically(path, lambda file: file.write_text("first"))

    def fail(file):
        file.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        save_atomically(path, fail)
    assert path.read_text() == "first" and list(path.parent.iterdir()) == [path]


def test_what_the_system_refuses_is_told_with_the_path(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/a.txt cannot be written \(File exists\): choose another folder"):
        save_atomically(tmp_path / "file" / "a.txt", lambda file: file.write_text(""))

    def full(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"a.txt cannot be written \(No space left on device\)"):
        save_atomically(tmp_path / "a.txt", full)


def test_temporary_files_of_dead_processes_are_removed_and_no_others(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f".{ended.pid}.S1_seg.nii.gz", f".{os.getpid()}.S1_seg.nii.gz", ".hidden", ".12x.txt", f"{ended.pid}.txt"]
    for name in (*names, f".{ended.pid}."):
        (tmp_path / name).touch()
    (tmp_path / f".{ended.pid}.folder").mkdir()
    remove_leftovers(tmp_path, tmp_path / "nowhere")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names[1:], f".{ended.pid}.", f".{ended.pid}.folder"}

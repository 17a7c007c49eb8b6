# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from scripts.common.errors import UserError
from scripts.common.files import ROOT, first_free, hold, locked, release, remove_leftovers, save_atomically, stamp_of


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


def _dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_first_free_path_is_the_first_that_does_not_exist(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    paths[0].touch()
    assert first_free(iter(paths)) == paths[1]


def test_leftovers_of_dead_processes_alone_are_removed(tmp_path):
    dead, alive = _dead_process(), os.getppid()
    (tmp_path / "S1").mkdir()
    left = [
        tmp_path / f".{dead}.model.pt",
        tmp_path / "S1" / f".{dead}.S1_seg.nii.gz",
        tmp_path / f".{dead}.S1.html.part",
    ]
    kept = [
        *(tmp_path / f".{alive}.model.pt", tmp_path / f".{os.getpid()}.model.json", tmp_path / "model.pt"),
        *(tmp_path / f".{dead}.notes", tmp_path / ".model.pt", tmp_path / f"{dead}.model.pt"),
    ]
    for file in (*left, *kept):
        file.write_text("x")
    assert sorted(remove_leftovers(tmp_path)) == sorted(left)
    assert all(file.exists() for file in kept) and not any(file.exists() for file in left)
    assert remove_leftovers(tmp_path / "missing") == []


def test_a_leftover_of_an_earlier_process_with_the_same_number_is_removed(tmp_path):
    left = tmp_path / f".{os.getpid()}.model.pt"
    left.touch()
    os.utime(left, (0, 0))
    assert remove_leftovers(tmp_path) == [left]


def test_a_second_process_waits_until_the_first_has_ended(tmp_path):
    code = f"import time; from scripts.common.files import locked\nwith locked({str(tmp_path)!r}):"
    code += " print(1, flush=True); time.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    first.stdout.readline()
    entered = threading.Event()

    def enter():
        with locked(tmp_path):
            entered.set()

    second = threading.Thread(target=enter)
    second.start()
    assert not entered.wait(0.2)
    first.kill()  # its lock goes with it
    first.wait()
    assert entered.wait(10) and not list(tmp_path.iterdir())
    second.join()


def test_a_write_of_another_machine_is_left_alone_until_it_is_an_hour_old(tmp_path):
    running, killed = tmp_path / f".{_dead_process()}-0a1b2c3d.model.pt", tmp_path / ".7-0a1b2c3d.teacher.pt"
    for file in (running, killed):
        file.touch()
    os.utime(killed, (0, time.time() - 3700))
    assert remove_leftovers(tmp_path) == [killed] and running.exists()


def test_the_temporary_name_tells_the_machine_and_fits_beside_the_longest_subject(tmp_path):
    name = f"{'x' * 200}_probabilities.nii.gz"
    seen = []
    save_atomically(tmp_path / name, lambda file: (file.touch(), seen.append(file.name)))
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    assert seen == [f".{os.getpid()}-{machine}.{name}"]


def test_a_replaced_file_has_another_stamp(tmp_path):
    file = tmp_path / "a.pt"
    assert stamp_of(file) is None
    file.write_bytes(b"first")
    first = stamp_of(file)
    assert stamp_of(file) == first
    file.write_bytes(b"second")
    assert stamp_of(file) != first


def test_a_folder_is_held_by_one_process_until_it_is_released(tmp_path):
    hold(tmp_path, "Another one has it.")
    hold(tmp_path, "Another one has it.")  # this process has it already
    code = f"from scripts.common.files import hold\nhold({str(tmp_path)!r}, 'Another one has it.')"
    asked = [sys.executable, "-c", code]
    assert "UserError: Another one has it." in subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stderr
    release(tmp_path)
    assert subprocess.run(asked, cwd=ROOT).returncode == 0
    release(tmp_path)  # of what is not held, nothing happens
    assert not list(tmp_path.iterdir())

# SPDX-License-Identifier: Apache-2.0
"""Write a file whole or not at all, hash it, notice that it was replaced; remove what killed writes have left; lock a
folder. Also where the bundle lies (`ROOT`)."""

import hashlib
import itertools
import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.errors import UserError

# The bundle root.
ROOT = Path(__file__).resolve().parents[2]
# The name of a file that `save_atomically` is writing: the process, the machine (not in version 0.8 and older), and the
# final name. A hash of the machine's name is shorter than the name, which may have 64 characters.
_TEMPORARY = re.compile(r"\.(\d+)(?:-([0-9a-f]{8}))?\..+\.(pt|json|csv|png|html|part|gz|nii|npz|md|zip)")
_MACHINE = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
# A file of another machine that was not changed for so many seconds is no longer being written.
_LONGEST_WRITE = 3600.0
_STARTED = time.time()
# The open folders that `hold` has locked.
_HELD: dict[str, int] = {}

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger(__name__)


def save_atomically(path: str | Path, write, before_move=None) -> None:
    """Call ``write(temporary_path)``, then move the file to ``path``, so that an interruption leaves no partial file.

    Args:
        path: where the file goes.
        write: called with the temporary path, which has the same ending.
        before_move: called with the same path, if given, after the file was written and before it is moved.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    # the same ending, as nibabel and numpy choose the format by it
    temporary = path.with_name(f".{os.getpid()}-{_MACHINE}.{path.name}")  # `remove_leftovers` knows this form
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            if before_move is not None:
                before_move(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): choose another folder, correct its permissions, or "
            "make room."
        ) from error


def save_text(path: str | Path, text: str) -> None:
    """Write a text in UTF-8, see `save_atomically`."""
    save_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def copy_file(source: str | Path, to: str | Path) -> None:
    """Copy a file's bytes, see `save_atomically`."""
    save_atomically(to, lambda file: shutil.copyfile(source, file))


def hash_of(file: str | Path, hash_type: str = "sha256") -> str:
    """A file's hash as hexadecimal digits."""
    digest = hashlib.new(hash_type)
    with Path(file).open("rb") as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def stamp_of(file: str | Path) -> tuple[int, int] | None:
    """Time of the last change in ns and size in bytes, by which a replaced file is noticed; None without a file."""
    if not os.path.isfile(file):
        return None
    facts = os.stat(file)
    return facts.st_mtime_ns, facts.st_size


def first_free(paths: Iterable[Path]) -> Path:
    """The first of these paths that does not exist."""
    return next(path for path in paths if not path.exists())


def free_path(path: Path) -> Path:
    """The path, or the first of ``name_2``, ``name_3``, ... that does not exist."""
    numbered = (path.with_stem(f"{path.stem}_{number}") for number in itertools.count(2))
    return first_free(itertools.chain([path], numbered))


def remove_leftovers(folder: str | Path) -> list[Path]:
    """Remove what killed runs have left of `save_atomically` in a folder and its direct subfolders.

    These are hidden files such as ``.4711-0a1b2c3d.model.pt``. Those of processes that are alive stay, of processes on
    other machines those that were changed within the last hour, and all other files.

    Returns:
        The removed files.
    """
    folder, removed = Path(folder), []
    if os.name != "posix":  # elsewhere a process cannot be asked for without harm
        return removed
    for path in (*folder.glob(".*"), *folder.glob("*/.*")):
        name = _TEMPORARY.fullmatch(path.name)
        try:
            if name and path.is_file() and not _being_written(path, int(name[1]), name[2]):
                path.unlink(missing_ok=True)
                removed.append(path)
        except OSError:  # of another user: it does no harm
            continue
    return removed


def _being_written(path: Path, process: int, machine: str | None) -> bool:
    if machine not in (None, _MACHINE):
        return time.time() - path.stat().st_mtime < _LONGEST_WRITE
    if process == os.getpid():  # in a container each run may have the same number
        return path.stat().st_mtime >= _STARTED
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Let one process at a time work in a folder, which is made if missing; others wait, and the log says so.

    The system releases the lock when its process ends, however it ends. No file is left. Where the system or the file
    system has no such locks (Windows, some network drives), nobody waits.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _wait_for_lock(handle, folder)
        yield
    finally:
        os.close(handle)


def hold(folder: str | Path, refusal: str) -> None:
    """Lock a folder for this process until `release` or its end; it may hold a folder that it holds already.

    Raises:
        UserError: with this sentence, if another process has locked it.
    """
    key = os.path.realpath(folder)
    if fcntl is None or key in _HELD:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise UserError(refusal) from error
    except OSError:  # a file system without such locks
        os.close(handle)
        return
    _HELD[key] = handle


def release(folder: str | Path) -> None:
    """Unlock a folder that `hold` has locked."""
    if (handle := _HELD.pop(os.path.realpath(folder), None)) is not None:
        os.close(handle)


def _wait_for_lock(handle: int, folder: str | Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.warning("Another process is working in %s: waiting until it has finished.", folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return

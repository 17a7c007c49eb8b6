# SPDX-License-Identifier: Apache-2.0
"""Write a file whole or not at all, remove what killed writes have left, and the bundle's folder."""

import os
import re
import time
from pathlib import Path

from scripts.common.errors import UserError

# The bundle root.
ROOT = Path(__file__).resolve().parents[2]
# The name of a file that `save_atomically` is writing: the process and the final name.
_TEMPORARY = re.compile(r"\.(\d+)\..+\.(pt|json|csv|png|html|gz|nii|npz|md|zip)")
_STARTED = time.time()


def save_atomically(path: str | Path, write, before_move=None) -> None:
    """Call ``write(temporary_path)``, then move the file to ``path``, so that an interruption leaves no partial file.

    Args:
        path: where the file goes.
        write: called with the temporary path, which has the same ending.
        before_move: called, if given, after the file was written and before it is moved.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    # the same ending, as nibabel and numpy choose the format by it
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            if before_move is not None:
                before_move()
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): choose another folder, correct its permissions, or "
            "make room."
        ) from error


def remove_leftovers(folder: str | Path) -> list[Path]:
    """Remove what killed runs have left of `save_atomically` in a folder and its direct subfolders.

    These are hidden files such as ``.4711.model.pt``. Those of processes that are alive stay, and all other files.

    Returns:
        The removed files.
    """
    folder, removed = Path(folder), []
    if os.name != "posix":  # elsewhere a process cannot be asked for without harm
        return removed
    for path in (*folder.glob(".*"), *folder.glob("*/.*")):
        name = _TEMPORARY.fullmatch(path.name)
        try:
            if name and path.is_file() and not _being_written(path, int(name[1])):
                path.unlink(missing_ok=True)
                removed.append(path)
        except OSError:  # of another user: it does no harm
            continue
    return removed


def _being_written(path: Path, process: int) -> bool:
    if process == os.getpid():  # in a container each run may have the same number
        return path.stat().st_mtime >= _STARTED
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

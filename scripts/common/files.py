# SPDX-License-Identifier: Apache-2.0
"""Write a file whole or not at all, and the bundle's folder."""

import contextlib
import os
import re
from pathlib import Path

from scripts.common.errors import UserError

# The bundle root.
ROOT = Path(__file__).resolve().parents[2]


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
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # `remove_leftovers` knows this form
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


def remove_leftovers(*folders: str | Path) -> None:
    """Remove the temporary files that killed processes have left directly in these folders.

    Those are files called ``.<process>.<name>`` of a process that no longer lives. Others, and those that may not be
    removed, stay.
    """
    for folder in map(Path, folders):
        for path in folder.glob(".*") if folder.is_dir() else ():
            match = re.match(r"\.([1-9]\d*)\..", path.name)
            if match and path.is_file() and not _is_alive(int(match[1])):
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # on Windows, os.kill would end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True

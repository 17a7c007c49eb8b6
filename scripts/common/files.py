# SPDX-License-Identifier: Apache-2.0
"""Write a file whole or not at all, and the bundle's folder."""

import os
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
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
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

# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

import os
from pathlib import Path

from scripts.common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
"""The bundle root."""


def save_atomically(path: str | Path, write) -> None:
    """Call ``write(temporary_path)`` and then move the file to ``path``, so that a kill never leaves half a file.

    Raises:
        UserError: the system does not let the file be written.
    """
    path = Path(path)
    # the ending stays, since nibabel and numpy choose their format by it
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): choose another folder, correct its permissions, or "
            "make room."
        ) from error

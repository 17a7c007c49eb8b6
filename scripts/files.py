# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

import os
from pathlib import Path


def save_atomically(path: str | Path, write) -> None:
    """Call ``write(temporary_path)`` and then move the file to ``path``, so that a kill never leaves half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # the ending stays, since nibabel and numpy choose their format by it
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

# SPDX-License-Identifier: Apache-2.0
"""Write a folder whole or not at all."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which takes the place of `target` at the end, or goes away after an error.

    What killed runs have left of such folders is removed first. So only one process at a time may write to `target`:
    lock the folder around it (`scripts.common.files.locked`).
    """
    remove_unfinished(target.parent, target.name)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_unfinished(folder: Path, name: str | None = None) -> None:
    """Remove what killed runs have left of `whole_folder` in a folder, of all targets or of the one with this name."""
    left = re.compile(r"\.\d+\." + (".+" if name is None else re.escape(name)))
    for path in folder.iterdir() if folder.is_dir() else ():
        if left.fullmatch(path.name):
            shutil.rmtree(path)

# SPDX-License-Identifier: Apache-2.0
"""The files of a release: those of the last commit, without what only developers need."""

import io
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.errors import UserError

NAME = "brats_limited_modality_segmentation"
# What only developers need: tests and their tools, and the making of documents, weights and releases.
LEFT_OUT = (
    *("tests", ".ci", ".gitignore", "pyproject.toml", "requirements-test.txt"),
    *("scripts/research", "docs/results/study_starts", "docs/results/weights_starts"),
)


def archive(bundle_root: str | Path, allow_dirty: bool, left_out: tuple[str, ...] = (), prefix: str = "") -> bytes:
    """A zip by ``git archive``. The same commit gives the same bytes with any zlib, since nothing is compressed.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        allow_dirty: take the tracked files as they are in the folder, though not everything is committed.
        left_out: paths, or patterns such as ``models/*.pt``, that are left out beside `LEFT_OUT`.
        prefix: of all paths in the zip.

    Raises:
        UserError: no git repository, or uncommitted changes.
    """
    commit = "HEAD"
    if changed := _git(bundle_root, "status", "--porcelain", "-z", "--", ".").decode():
        if not allow_dirty:
            raise UserError(
                f"{changed[3:].partition(chr(0))[0]} has changes that are not committed: commit or remove them, or "
                "release the files as they are with --allow-dirty."
            )
        commit = _git(bundle_root, "stash", "create").decode().strip() or commit  # no change where all are new files
    paths = [".", *(f":!{path}" for path in (*LEFT_OUT, *left_out))]
    return _git(bundle_root, "archive", "-0", "--format=zip", f"--prefix={prefix}", commit, *paths)


@contextmanager
def new_folder(folder: Path, content: bytes) -> Iterator[Path]:
    """A folder with the content of a zip, to be changed in the context; afterwards it appears as ``folder``.

    Raises:
        UserError: the folder has files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists: remove it, or choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".release_") as temporary:
        new = Path(temporary) / folder.name
        zipfile.ZipFile(io.BytesIO(content)).extractall(new)
        yield new
        os.replace(new, folder)


def _git(root: str | Path, *arguments: str) -> bytes:
    environment = {**os.environ, "TZ": "UTC"}  # a zip has local times
    try:
        return subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        message = (getattr(error, "stderr", b"").decode() or str(error)).strip().splitlines()[0]
        raise UserError(f"git fails in {root} with '{message}': run from a clone of the repository.") from error

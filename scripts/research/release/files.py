# SPDX-License-Identifier: Apache-2.0
"""The files of a release: what git tracks and a user needs, with weights that fit their hashes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.large_files import matches, read_list

NAME = "brats_limited_modality_segmentation"
# What only developers need: tests and their tools, and the making of documents, weights and releases.
LEFT_OUT = (
    "tests/",
    "scripts/research/",
    "docs/results/study_starts/",
    ".ci/",
    ".gitignore",
    "pyproject.toml",
    "requirements-test.txt",
)


def files_to_release(bundle_root: str | Path, allow_dirty: bool = False) -> list[str]:
    """Paths of the files that git tracks, without ``LEFT_OUT``, sorted.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        allow_dirty: take the files of the folder, though not everything is committed.

    Raises:
        UserError: no git repository, uncommitted changes, or weights that are missing in ``large_files.yml`` or have
            another hash there.
    """
    root = Path(bundle_root)
    tracked = tracked_files(root)
    changed = _git(root, "status", "--porcelain", "-z", "--", ".")
    if changed and not allow_dirty:
        raise UserError(
            f"{changed[0][3:]} has changes that are not committed: commit or remove them, or release the files as "
            "they are with --allow-dirty."
        )
    entries = read_list(root)
    listed = {entry["path"] for entry in entries}
    for name in tracked:
        if name.startswith("models/") and name.endswith(".pt") and name not in listed:
            raise UserError(
                f"{name} is not in large_files.yml: list it with `python -m scripts.common.large_files write --url "
                "...`."
            )
    for entry in entries:
        if not matches(root, entry):
            raise UserError(
                f"{entry['path']} does not have its hash in large_files.yml: fetch it with `python -m "
                "scripts.common.large_files repair`, or, if it is new, list it with `python -m "
                "scripts.common.large_files write --url ...`."
            )
    return [name for name in tracked if not name.startswith(LEFT_OUT)]


def tracked_files(root: str | Path) -> list[str]:
    """Paths of all files that git tracks in a folder and that are there, sorted.

    Raises:
        UserError: the folder is in no git repository.
    """
    return sorted(name for name in _git(Path(root), "ls-files", "-z") if (Path(root) / name).is_file())


def write_folder(
    root: str | Path, places: Mapping[str, str], folder: str | Path, texts: Mapping[str, str] | None = None
) -> None:
    """Copy files into a new folder, which appears when it is complete.

    Args:
        root: folder of the files.
        places: path of each file below ``root``, and its path below ``folder``.
        folder: must not exist, or be empty.
        texts: for some of the files, a text to write instead of their content.

    Raises:
        UserError: the folder has files, or cannot be written.
    """
    root, folder, texts = Path(root), Path(folder), texts or {}
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists: remove it, or choose another folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".release_") as temporary:
            new = Path(temporary) / folder.name
            for name, place in places.items():
                (new / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, new / place)
                if name in texts:
                    (new / place).write_text(texts[name], encoding="utf-8")
            os.replace(new, folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error}): choose another folder, correct its permissions, "
            "or make room."
        ) from error


def _git(root: Path, *arguments: str) -> list[str]:
    """The output of a git command, split at its null bytes."""
    try:
        answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
        raise UserError(f"git fails in {root} with '{message}': run from a clone of the repository.") from error
    return [name for name in answer.stdout.split("\0") if name]

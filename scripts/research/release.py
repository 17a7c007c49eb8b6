# SPDX-License-Identifier: Apache-2.0
"""The bundle as one zip for ``monai.bundle.download``: ``python -m scripts.research.release --output packed``."""

import argparse
import json
import os
import subprocess
import zipfile
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.common.large_files import matches, read_list

NAME = "brats_limited_modality_segmentation"
# What only developers need: tests and their tools, and the making of documents, weights and releases.
LEFT_OUT = ("tests/", "scripts/research/", ".ci/", ".gitignore", "pyproject.toml", "requirements-test.txt")
# The time of every file in the zip: the earliest of the format.
TIME = (1980, 1, 1, 0, 0, 0)


def write_release(bundle_root: str | Path, output: str | Path, allow_dirty: bool = False) -> Path:
    """Write ``<name>_v<version>.zip`` with the files that git tracks, without ``LEFT_OUT``.

    The same files give the same bytes on any machine: sorted, all of one time, and not compressed, since compressed
    bytes depend on the version of zlib and weights hardly shrink.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        output: folder for the zip, made if need be.
        allow_dirty: take the files of the folder, though not everything is committed.

    Returns:
        path of the zip.

    Raises:
        UserError: no git repository, uncommitted changes, or weights that are missing in ``large_files.yml`` or have
            another hash there.
    """
    root = Path(bundle_root)
    tracked = _git(root, "ls-files", "-z")
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
    names = sorted(name for name in tracked if not name.startswith(LEFT_OUT) and (root / name).is_file())
    try:
        version = json.loads((root / "configs" / "metadata.json").read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{root}/configs/metadata.json has no version of the bundle: restore it.") from error
    target = Path(output) / f"{NAME}_v{version}.zip"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as release:
            for name in names:
                member = zipfile.ZipInfo(f"{NAME}/{name}", TIME)
                member.create_system = 3  # Unix, on whatever machine: only there do the permissions below count
                member.external_attr = (0o755 if os.access(root / name, os.X_OK) else 0o644) << 16
                release.writestr(member, (root / name).read_bytes())

    save_atomically(target, write)
    return target


def _git(root: Path, *arguments: str) -> list[str]:
    """The output of a git command, split at its null bytes."""
    try:
        answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
        raise UserError(f"git fails in {root} with '{message}': run from a clone of the repository.") from error
    return [name for name in answer.stdout.split("\0") if name]


def main(arguments: list[str] | None = None) -> None:
    """Write the bundle as a zip for monai.bundle.download."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.release", description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the zip")
    parser.add_argument("--bundle_root", type=Path, default=Path("."), help="the bundle's folder (default: this one)")
    parser.add_argument("--allow-dirty", action="store_true", help="though not everything is committed")
    options = parser.parse_args(arguments)
    print(write_release(options.bundle_root, options.output, options.allow_dirty))


if __name__ == "__main__":
    install_error_hook()
    main()

# SPDX-License-Identifier: Apache-2.0
"""The bundle as one zip for ``monai.bundle.download``."""

import os
import zipfile
from pathlib import Path

from scripts.common.files import save_atomically
from scripts.common.versions import metadata
from scripts.research.release.files import NAME, files_to_release

# The time of every file in the zip: the earliest of the format.
TIME = (1980, 1, 1, 0, 0, 0)


def write_zip(bundle_root: str | Path, output: str | Path, allow_dirty: bool = False) -> Path:
    """Write ``<name>_v<version>.zip`` with the files of a release.

    The same files give the same bytes on any machine: sorted, all of one time, and not compressed, since compressed
    bytes depend on the version of zlib and weights hardly shrink.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        output: folder for the zip, made if need be.
        allow_dirty: take the files of the folder, though not everything is committed.

    Returns:
        path of the zip.

    Raises:
        UserError: see `files_to_release`.
    """
    root = Path(bundle_root)
    names = files_to_release(root, allow_dirty)
    target = Path(output) / f"{NAME}_v{metadata(root)['version']}.zip"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as release:
            for name in names:
                member = zipfile.ZipInfo(f"{NAME}/{name}", TIME)
                member.create_system = 3  # Unix, on whatever machine: only there do the permissions below count
                member.external_attr = (0o755 if os.access(root / name, os.X_OK) else 0o644) << 16
                release.writestr(member, (root / name).read_bytes())

    save_atomically(target, write)
    return target

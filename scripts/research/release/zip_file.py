# SPDX-License-Identifier: Apache-2.0
"""The bundle as one zip for ``monai.bundle.download``."""

from pathlib import Path

from scripts.common.files import save_atomically
from scripts.common.versions import metadata
from scripts.research.release.files import NAME, archive


def write_zip(bundle_root: str | Path, output: str | Path, allow_dirty: bool = False) -> Path:
    """Write ``<output>/<name>_v<version>.zip``, and return its path; other arguments and errors are of `archive`."""
    content = archive(bundle_root, allow_dirty, prefix=f"{NAME}/")
    target = Path(output) / f"{NAME}_v{metadata(bundle_root)['version']}.zip"
    save_atomically(target, lambda path: path.write_bytes(content))
    return target

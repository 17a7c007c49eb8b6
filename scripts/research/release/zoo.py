# SPDX-License-Identifier: Apache-2.0
"""The bundle as it is submitted to MONAI's model zoo."""

import shutil
from pathlib import Path

from scripts.common.errors import UserError
from scripts.research.release.files import NAME, archive, new_folder


def write_zoo_folder(bundle_root: str | Path, output: str | Path, allow_dirty: bool = False) -> Path:
    """Write ``models/<name>`` and the bundle's ``ci/unit_tests`` into a folder, such as a clone of the zoo.

    The weights are left out: the zoo downloads them by ``large_files.yml``.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        output: the zoo's root, or any folder.
        allow_dirty: take the files of the folder, though not everything is committed.

    Returns:
        the folder of the bundle.

    Raises:
        UserError: the bundle or another unit test of a name is there already; see also `archive`.
    """
    content = archive(bundle_root, allow_dirty, ("models/*.pt",))
    folder, unit_tests = Path(output) / "models" / NAME, Path(output) / "ci" / "unit_tests"
    tests = {unit_tests / test.name: test for test in Path(bundle_root).glob("tests/model_zoo/test_*.py")}
    for new, test in tests.items():
        if new.exists() and new.read_bytes() != test.read_bytes():
            raise UserError(f"{new} exists and has other content: remove it, or choose another folder.")
    with new_folder(folder, content):
        unit_tests.mkdir(parents=True, exist_ok=True)
        for new, test in tests.items():
            shutil.copy(test, new)
    return folder

# SPDX-License-Identifier: Apache-2.0
"""The bundle as it is submitted to MONAI's model zoo."""

from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.large_files import read_list
from scripts.research.release.files import NAME, files_to_release, tracked_files, write_folder

# The zoo's unit tests of the bundle, here and there.
TESTS, ZOO_TESTS = "tests/model_zoo/", "ci/unit_tests"


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
        UserError: the bundle or another unit test of a name is there already; see also `files_to_release`.
    """
    root, output = Path(bundle_root), Path(output)
    weights = {entry["path"] for entry in read_list(root)}
    files = [name for name in files_to_release(root, allow_dirty) if name not in weights]
    folder, tests = output / "models" / NAME, {}
    for name in tracked_files(root):
        if name.startswith(f"{TESTS}test_"):
            tests[output / ZOO_TESTS / Path(name).name] = (root / name).read_bytes()
    for test, content in tests.items():
        if test.exists() and test.read_bytes() != content:
            raise UserError(f"{test} exists and has other content: remove it, or choose another folder.")
    write_folder(root, {name: name for name in files}, folder)
    for test, content in tests.items():
        test.parent.mkdir(parents=True, exist_ok=True)
        test.write_bytes(content)
    return folder

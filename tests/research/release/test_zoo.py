# SPDX-License-Identifier: Apache-2.0
"""The submission to the model zoo: the bundle without its weights, and the zoo's unit tests of it."""

import pytest
from scripts.common.errors import UserError
from scripts.common.large_files import read_list
from scripts.research.release.files import NAME
from scripts.research.release.zoo import write_zoo_folder
from tiny import ROOT


def _files(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_zoo_gets_the_bundle_without_weights_and_its_unit_tests(repository, tmp_path):
    zoo = tmp_path / "zoo"
    (zoo / "models" / "another_bundle").mkdir(parents=True)
    (zoo / "ci" / "unit_tests").mkdir(parents=True)
    assert write_zoo_folder(repository, zoo) == zoo / "models" / NAME
    assert _files(zoo) == [
        *("ci/unit_tests/test_it.py", "ci/unit_tests/test_it_dist.py"),
        *(
            f"models/{NAME}/{name}"
            for name in ("README.md", "configs/metadata.json", "docs/README.md", "docs/study.md")
        ),
        *(f"models/{NAME}/{name}" for name in ("large_files.yml", "models/model.json")),
        f"models/{NAME}/scripts/common/large_files.py",
    ]
    assert (zoo / "ci" / "unit_tests" / "test_it.py").read_text() == "test of the zoo"


def test_an_existing_bundle_or_another_test_is_refused_and_kept(repository, tmp_path):
    write_zoo_folder(repository, tmp_path / "one")
    with pytest.raises(UserError, match=f"{NAME} exists: remove it"):
        write_zoo_folder(repository, tmp_path / "one")
    test = tmp_path / "two" / "ci" / "unit_tests" / "test_it.py"
    test.parent.mkdir(parents=True)
    test.write_text("other")
    with pytest.raises(UserError, match="test_it.py exists and has other content"):
        write_zoo_folder(repository, tmp_path / "two")
    assert _files(tmp_path / "two") == ["ci/unit_tests/test_it.py"] and test.read_text() == "other"


def test_the_bundles_own_submission_has_what_the_zoo_wants(tmp_path):
    folder = write_zoo_folder(ROOT, tmp_path, allow_dirty=True)
    tests = _files(tmp_path / "ci" / "unit_tests")
    assert tests == [f"test_{NAME}.py", f"test_{NAME}_dist.py"]
    files = _files(folder)
    assert {"LICENSE", "large_files.yml", "configs/metadata.json", "configs/inference.json", "docs/README.md"} < {
        *files
    }
    assert "docs/data_license.txt" in files and not {entry["path"] for entry in read_list(folder)} & {*files}
    # the zoo's pre-commit hooks refuse files above 1024 kB
    assert [name for name in files if (folder / name).stat().st_size > 1024 * 1000] == []

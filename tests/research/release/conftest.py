# SPDX-License-Identifier: Apache-2.0
"""A bundle of a few files in a git repository of its own."""

import subprocess

import pytest
from scripts.common.large_files import write_list

FILES = {
    "README.md": "[card](docs/README.md) [study](docs/study.md)\n",
    "configs/metadata.json": '{"version": "1.2.3"}',
    "models/model.pt": "student",
    "models/model.json": "{}",
    "docs/README.md": "# Card\n[first steps](../README.md), [docs/study.md](study.md#page)\n",
    "docs/study.md": "# Page\n[card](README.md#card)\n",
    "scripts/common/large_files.py": "of a user",
    "scripts/research/study/plan.py": "of a developer",
    "tests/test_a.py": "test",
    "tests/model_zoo/test_it.py": "test of the zoo",
    "tests/model_zoo/test_it_dist.py": "another",
    ".gitignore": "*.log\n",
    "large_files.yml": "# from here\n",
}


def git(root, *arguments) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A committed bundle of version 1.2.3, with one listed weight file."""
    root = tmp_path / "repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_list(root, "https://huggingface.co/somebody/it/resolve/main/models")
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "a bundle")
    return root

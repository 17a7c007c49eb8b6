# SPDX-License-Identifier: Apache-2.0
"""Links lead to the same files after pages have moved."""

import pytest
from scripts.research.release.links import relinked

FILES = {"README.md", "docs/README.md", "docs/a.md", "docs/a.png"}
MOVED = {"docs/README.md": "README.md", "README.md": "docs/introduction.md"}


@pytest.mark.parametrize(
    "page, before, after",
    [
        ("docs/README.md", "a.md", "docs/a.md"),
        ("docs/README.md", "a.md#head", "docs/a.md#head"),
        ("docs/README.md", "../README.md", "docs/introduction.md"),
        ("README.md", "docs/README.md", "../README.md"),
        ("README.md", "docs/a.png", "a.png"),
        ("docs/a.md", "README.md#data", "../README.md#data"),
        ("docs/a.md", "../README.md", "introduction.md"),
        ("docs/a.md", "a.png", "a.png"),
        # what leads to no file of the bundle stays
        ("docs/README.md", "#heading", "#heading"),
        ("docs/README.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/README.md", "other.md", "other.md"),
    ],
)
def test_a_link_leads_to_the_same_file_as_before(page, before, after):
    text = "![{0}]({0}) and [{0}]({0}), `a.md` (a.md)"
    assert relinked(text.format(before), page, FILES, MOVED) == text.format(before).replace(
        f"]({before})", f"]({after})"
    )

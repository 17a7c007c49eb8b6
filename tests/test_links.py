# SPDX-License-Identifier: Apache-2.0
"""Every link of the documents leads somewhere."""

from links import dead_links
from tiny import ROOT


def test_links_of_the_documents_lead_to_files_and_headings_that_are_there():
    assert dead_links(ROOT) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[a](docs/a.md) [b](docs/b.md) [site](https://example.org)\n")
    (tmp_path / "docs" / "a.md").write_text(
        "# Some `Title`: here\n[up](../README.md) [x](#some-title-here) [y](#none)\n"
    )
    assert dead_links(tmp_path) == ["README.md: docs/b.md", "docs/a.md: #none"]

# SPDX-License-Identifier: Apache-2.0
"""Relative links of pages that lead nowhere."""

import json
import re
from pathlib import Path

from scripts.research.release.links import LINK


def dead_links(root: Path) -> list[str]:
    """``page: target`` for each relative link of README.md and docs to a file or heading that is not there."""
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "docs").glob("*.ipynb"))]
    dead = []
    for page in pages:
        for target in LINK.findall(_text(page)):
            path, mark, heading = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = page.parent / path if path else page
            if not file.exists() or (mark and heading not in _headings(file)):
                dead.append(f"{page.relative_to(root)}: {target}")
    return dead


def _text(page: Path) -> str:
    """The text of a page; of a notebook, its cells of text."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def _headings(page: Path) -> set[str]:
    """The names by which GitHub and the Hub link to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", _text(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

# SPDX-License-Identifier: Apache-2.0
"""Relative links of pages (Markdown, notebooks), as they must be after pages have moved."""

import posixpath
import re
from collections.abc import Collection, Mapping

# The target of a link or picture: [text](target).
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")


def relinked(text: str, page: str, files: Collection[str], moved: Mapping[str, str]) -> str:
    """The text of a page whose relative links lead to the same files as before, though page or files have moved.

    >>> relinked("See [card](README.md#data).", "docs/a.md", {"docs/README.md"}, {"docs/README.md": "README.md"})
    'See [card](../README.md#data).'

    Args:
        text: of the page.
        page: its path before.
        files: paths of all files before. What leads to none of them stays: addresses, and links within the page.
        moved: old and new path of the files that move.
    """
    folder = posixpath.dirname(moved.get(page, page)) or "."

    def new_target(match: re.Match) -> str:
        target, mark, heading = match[0].partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        if not target or path not in files:
            return match[0]
        return posixpath.relpath(moved.get(path, path), folder) + mark + heading

    return LINK.sub(new_target, text)

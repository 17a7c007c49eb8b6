# SPDX-License-Identifier: Apache-2.0
"""Links from a page to the files that lie near it."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote


def relative_link(file, folder) -> str | None:
    """The link from a page in ``folder`` to a file, relative and percent-encoded; None if there is no such file.

    A colon is encoded too, so no name of a subject makes a link of another kind.
    """
    if not os.path.isfile(file):  # false for a path that is too long
        return None
    return quote(os.fsencode(Path(os.path.relpath(file, folder)).as_posix()))


def existing_links(files: Iterable, folder) -> dict[str, str]:
    """`relative_link` of each file that is there, by the file's name."""
    return {Path(file).name: link for file in files if (link := relative_link(file, folder))}

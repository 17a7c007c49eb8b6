# SPDX-License-Identifier: Apache-2.0
"""Names in messages: those that cannot be printed (control characters, bytes that are no UTF-8), long ones, and many."""

import re
from collections.abc import Iterable

# Longer names leave no room for `_probabilities.nii.gz` in the 255 bytes of a file's name.
LONGEST_NAME = 200
# Files of the folder of results.
TABLE, PAGE = "segmentations.csv", "report.html"
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_UNPRINTABLE = re.compile(rf"[{_CONTROL}\ud800-\udfff]")


def printable(name: str) -> str:
    """The name with such characters as `%0A`; a byte that is no text as `%FC`."""
    return _UNPRINTABLE.sub(lambda match: f"%{_byte(match[0]):02X}", name)


def name_problem(name: str) -> str | None:
    """What is wrong with a subject's name, of which files are made; None if nothing is."""
    if re.search("[\ud800-\udfff]", name):
        return "has bytes that are no text of UTF-8"
    if re.search(f"[{_CONTROL}]", name):
        return "has a line break or another control character"
    if len(name.encode()) > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} bytes"
    if name in (TABLE, PAGE):
        return "is that of a file in the folder of results"
    return None


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """The text, with its middle left out if it is longer."""
    return text if len(text) <= longest else f"{text[: longest // 2]} ... {text[-longest // 2 :]}"


def some_of(names: Iterable[str], most: int = 3) -> str:
    """The first names, separated by commas, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _byte(character: str) -> int:
    """A byte that is no text comes from Python as U+DC80 to U+DCFF."""
    return ord(character) - 0xDC00 if 0xDC80 <= ord(character) <= 0xDCFF else ord(character)

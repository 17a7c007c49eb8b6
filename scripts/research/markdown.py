# SPDX-License-Identifier: Apache-2.0
"""Numbers, intervals, names and tables in the markdown pages of ``docs/``."""

import math
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import save_text
from scripts.common.titles import OUTERMOST_FIRST

DASH = "–"
# Regions in the order of every table; "mean" is a subject's mean Dice of the three.
REGION_NAMES = {region: region.upper() for region in OUTERMOST_FIRST} | {"mean": "mean"}

# With fewer patients no difference is called sure: percentile bootstrap intervals are too narrow then.
FEWEST = 8


def number(value, form: str = ".3f") -> str:
    """A formatted number; a dash for an undefined one; no minus before a zero."""
    if value is None or math.isnan(value):
        return DASH
    text = format(value, form)
    return text.replace("-", "+" if "+" in form else "") if float(text) == 0 else text


def span(low: float, high: float, form: str = "+.3f") -> str:
    """An interval; a dash for an undefined one."""
    return DASH if math.isnan(low) else f"[{number(low, form)}, {number(high, form)}]"


def with_interval(measured: dict, form: str = ".3f", scale: float = 1) -> str:
    """``0.812 [0.772, 0.851]`` for a dictionary with ``mean`` and ``interval``; a dash for an undefined one."""
    text = number(scale * measured["mean"], form)
    return text if text == DASH else f"{text} {span(*(scale * end for end in measured['interval']), form)}"


def difference(measured: dict) -> str:
    """A difference with its interval, bold where the interval excludes zero and there are `FEWEST` patients."""
    low, high = measured["interval"]
    text = number(measured["mean"], "+.3f")
    sure = measured["patients"] >= FEWEST and (low > 0 or high < 0)
    return f"{f'**{text}**' if sure else text} {span(low, high)}"


def subjects_text(subjects: int, patients: int) -> str:
    """How many were measured, such as "10 subjects of 9 patients"."""
    return f"{subjects} subjects" + ("" if patients == subjects else f" of {patients} patients")


def markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def fill_between_markers(path: str | Path, command: str, lines: list[str]) -> None:
    """Replace what stands between the two markers of a page.

    Args:
        path: a page with the two lines of `markers`.
        command: module that makes the lines, such as ``scripts.research.accuracy``.
        lines: the new content.

    Raises:
        UserError: the page has not each of the markers once, in order.
    """
    path, (begin, end) = Path(path), markers(command)
    text = text_with_markers(path, command)
    text = text.split(begin)[0] + "\n".join([begin, "", *lines, "", end]) + text.split(end)[1]
    save_text(path, text)


def text_with_markers(path: str | Path, command: str) -> str:
    """The text of a page that `fill_between_markers` can write to.

    Raises:
        UserError: the page has not each of the markers once, in order.
    """
    path, (begin, end) = Path(path), markers(command)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UserError(f"{path} must have the line '{begin}' once and then '{end}' once: add them around the tables.")
    return text


def markers(command: str) -> tuple[str, str]:
    """The lines of a page between which a command writes."""
    return f"<!-- from here made by python -m {command} -->", f"<!-- to here made by python -m {command} -->"

# SPDX-License-Identifier: Apache-2.0
"""Numbers, intervals and tables as the pages in docs/ write them."""

import math

DASH = "–"  # where there is no number
REGION_NAMES = {"wt": "WT", "tc": "TC", "et": "ET", "mean": "mean"}


def number(value, form: str = ".3f") -> str:
    """A number as the tables write it, a dash where there is none, no minus before a zero."""
    if value is None or math.isnan(value):
        return DASH
    text = format(value, form)
    return text.replace("-", "+" if "+" in form else "") if float(text) == 0 else text


def span(low: float, high: float, form: str = "+.3f") -> str:
    """An interval, a dash where it is undefined."""
    return DASH if math.isnan(low) else f"[{number(low, form)}, {number(high, form)}]"


def bold(text: str, low: float, high: float) -> str:
    """The text, bold where the interval from low to high excludes zero."""
    return f"**{text}**" if low > 0 or high < 0 else text


def markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def counted(count: int, noun: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

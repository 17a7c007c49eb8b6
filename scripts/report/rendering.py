# SPDX-License-Identifier: Apache-2.0
"""The jinja2 templates in ``templates/`` and their filters. Every value is escaped unless it is `markupsafe.Markup`."""

import hashlib
import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scripts.common.titles import OUTERMOST_FIRST, REGION_TITLES, sequences_text

UNDEFINED = "–"


def _is_undefined(value: float | None) -> bool:
    return value is None or math.isnan(value)


def decimals(value: float | None, places: int) -> str:
    """A number with so many decimals, a dash where it is undefined."""
    return UNDEFINED if _is_undefined(value) else f"{value:.{places}f}"


def ml(value: float | None) -> str:
    """A volume: ``12.3``, ``none`` for exactly 0, ``<0.1`` for what would be rounded to 0."""
    if _is_undefined(value):
        return UNDEFINED
    return "none" if value == 0 else "<0.1" if value < 0.05 else f"{value:.1f}"


def sort_value(value: float | None) -> str:
    """The number by which the page's JavaScript sorts a table cell."""
    return "NaN" if _is_undefined(value) else f"{round(value, 6)}"


def anchor(subject: str) -> str:
    """An id in the page for a subject of any name."""
    return "s" + hashlib.sha256(subject.encode()).hexdigest()[:12]


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "decimals": decimals,
    "ml": ml,
    "sort_value": sort_value,
    "anchor": anchor,
    "sequences_text": sequences_text,
}
TEMPLATES.globals |= {"REGION_TITLES": REGION_TITLES, "OUTERMOST_FIRST": OUTERMOST_FIRST}

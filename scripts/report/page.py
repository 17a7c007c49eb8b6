# SPDX-License-Identifier: Apache-2.0
"""The frame of the report and the pieces that its tables are made of."""

import json
import math
from collections.abc import Iterable, Mapping
from html import escape
from importlib.metadata import version

from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES
from scripts.report.overlay import SEQUENCE_TITLES
from scripts.report.style import CSS, JAVASCRIPT

REGION_TITLES = {"wt": "whole tumour", "tc": "tumour core", "et": "enhancing tumour"}
DEVICE = (
    "<b>No medical device.</b> These outlines were made by a research network and can be wrong. Not for diagnosis or "
    "treatment; an expert must check every one of them."
)
_METADATA = ROOT / "configs" / "metadata.json"


def sequences_text(sequences: Iterable[str] | str) -> str:
    """``T1ce + FLAIR`` for names or for ``t1ce+flair``, escaped."""
    names = sequences.split("+") if isinstance(sequences, str) else sequences
    return escape(" + ".join(SEQUENCE_TITLES.get(name, name) for name in names))


def decimals(value: float | None, places: int) -> str:
    """A number with so many decimals, a dash where it is undefined."""
    return "&ndash;" if value is None or math.isnan(value) else f"{value:.{places}f}"


def ml(value: float | None) -> str:
    """A volume: ``12.3``, ``none`` for exactly nothing, ``&lt;0.1`` for less than can be shown."""
    if value is None or math.isnan(value):
        return "&ndash;"
    return "none" if value == 0 else "&lt;0.1" if value < 0.05 else f"{value:.1f}"


def cell(shown: str, value: float | None = math.nan) -> str:
    """A number's table cell, with the value by which the column is sorted."""
    plain = math.nan if value is None or math.isnan(value) else round(value, 6)
    return f'<td class="n" data-v="{plain}">{shown}</td>'.replace('"nan"', '"NaN"')


def key(region: str, style: str = "") -> str:
    """The region's line in its colour."""
    return f'<span class="key {region} {style}"></span>'


def interval(measure: Mapping, places: int) -> str:
    """A measure of `scripts.evaluation.summary.summarise`: the mean, its 95% interval below, and how often it is undefined."""
    low, high = measure["interval"]
    undefined = f"<br>{measure['undefined']} undefined" if measure["undefined"] else ""
    ends = f"[{decimals(low, places)}, {decimals(high, places)}]"
    return f"<b>{decimals(measure['mean'], places)}</b><small>{ends}{undefined}</small>"


def interval_glyph(mean: float, low: float, high: float) -> str:
    """A Dice and its interval as a line and a tick on a scale from 0 to 1."""
    left, width = 100 * low, 100 * (high - low)
    return (
        f'<span class="ci"><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<b style="left:{100 * mean:.1f}%"></b></span>'
    )


def table(head: Iterable[tuple[str, str]], rows: Iterable[str], sortable: bool = True) -> Iterable[str]:
    """A table that scrolls under its own head; ``head`` has (title, class) per column, the class "n" for numbers."""
    sort = " sort" if sortable else ""
    columns = "".join(f'<th class="{kind}{sort}">{title}</th>' for title, kind in head)
    yield f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>\n'
    yield from rows
    yield "</tbody></table></div>\n"


def failures(title: str, failed: Iterable[Mapping]) -> str:
    """The box of those who could not be done, ``{"subject", "failed": sentence}``; nothing if there are none."""
    sentences = {record["subject"]: record["failed"].removeprefix(f"{record['subject']}: ") for record in failed}
    lines = "".join(f"<li><b>{escape(name)}</b>: {escape(sentence)}</li>" for name, sentence in sentences.items())
    return f'<div class="failed"><b>{title}</b><ul>{lines}</ul></div>\n' if lines else ""


def toolbar(links: Mapping[str, str], networks: list[str], truth: bool) -> str:
    """The bar that stays in view: links in the page, and switches for what is drawn (plain CSS, no script).

    Args:
        links: title by id.
        networks: those whose contours the pictures hold, the one shown first foremost.
        truth: whether there is a truth to show.
    """
    switches = "".join(
        f'<label><input type="checkbox" id="show-{region}" checked>{key(region)}{region.upper()} {title}</label>'
        for region, title in REGION_TITLES.items()
    )
    shown = ""
    if truth:
        shown = (
            '<label><input type="checkbox" id="show-truth" checked>'
            '<span class="key dashed"></span>truth (dashed)</label>'
        )
        shown += "".join(
            f'<label><input type="radio" name="net" id="net{number}"{"" if number else " checked"}>'
            f'<span class="key"></span>{escape(name)}</label>'
            for number, name in enumerate(networks)
        )
    anchors = "".join(f'<a href="#{place}">{title}</a>' for place, title in links.items())
    return f'<nav class="bar-top"><div><span>{anchors}</span><span>{switches}</span><span>{shown}</span></div></nav>\n'


def start(title: str, summary: str, when: str | None = None) -> str:
    """Everything up to the toolbar.

    Args:
        title: plain text.
        summary: HTML, the page in a sentence.
        when: what to say of the time of the run; nothing by default, so that the same run gives the same bytes.
    """
    at = f" Run: {escape(when)}." if when else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # even a subject's odd name could then load nothing from elsewhere
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body>\n"
        f'<div class="top"><h1>{escape(title)}</h1><p>{summary}{at}</p><p class="device">{DEVICE}</p></div>\n'
    )


def end(facts: Mapping[str, object], reading: str) -> str:
    """How to read the page, and what it was made with.

    Args:
        facts: settings of the run, any values.
        reading: HTML.
    """
    own = json.loads(_METADATA.read_text(encoding="utf-8"))
    versions = {"bundle": f"{own['name']} {own['version']}"}
    versions |= {package: version(package) for package in ("monai", "torch")}
    listed = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in (dict(facts) | versions).items())
    return (
        f'<footer><h2 id="about">How to read this</h2>{reading}<h2>How it was made</h2><dl>{listed}</dl></footer>\n'
        f"<script>{JAVASCRIPT}</script></body></html>\n"
    )


def used_first(sequences: Iterable[str]) -> list[str]:
    """Sequences in the order in which rows of pictures are stacked."""
    return [name for name in ("t1ce", "flair", "t2", "t1") if name in set(sequences) & set(SEQUENCES)]


PICTURES = (
    "<p>Pictures: three planes, each where the whole tumour's area is largest, as radiologists look at them: the "
    "patient's right (R) is on the left; A anterior, P posterior, S superior, I inferior. Every plane is at the same "
    "scale. The numbers are the slice and how many the file has, counted from 1.</p>"
    "<p>Regions are nested: the whole tumour (WT) is the tumour core (TC) with the oedema around it; the core is the "
    "enhancing tumour (ET) with necrosis and non-enhancing tumour.</p>"
)
DICE = "<p>Dice is the overlap with an expert's outline: 1 is the same outline, 0 no overlap.</p>"

# SPDX-License-Identifier: Apache-2.0
"""The report of an inference: volumes, expected accuracy, flags and pictures of every subject, and who was skipped."""

import json
import math
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from scripts.evaluation.expected import accuracy_of
from scripts.inference.save_segmentation import label_map_path, record_path
from scripts.report.overlay import OUTERMOST_FIRST, anchor
from scripts.report.page import (
    DICE,
    PICTURES,
    REGION_TITLES,
    cell,
    end,
    failures,
    interval_glyph,
    key,
    ml,
    sequences_text,
    start,
    table,
    toolbar,
)
from scripts.report.parts import copy_picture, read_records

_HEAD = [("Subject", ""), ("Sequences", ""), ("WT ml", "n"), ("TC ml", "n"), ("ET ml", "n"), ("Remarks", "")]


def written_facts(path: Path) -> dict:
    """What ``<subject>_seg.json`` says: ``flags``, ``sequences``, ``volumes_ml``, ``network`` and ``label_convention``.

    Nothing where there is no such file; a flag alone where it cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        networks = [Path(network["file"]).name for network in written.get("networks", [])]
        label_convention = written.get("settings", {}).get("label_convention")
        written = {name: written[name] for name in ("flags", "sequences", "volumes_ml") if name in written}
        written |= {"network": " + ".join(networks)} if networks else {}
        return written | ({"label_convention": label_convention} if label_convention else {})
    except (AttributeError, ValueError, TypeError, KeyError):
        return {"flags": [f"{path.name} cannot be read, so its flags are not known."]}


def subject_facts(output_dir, record: dict) -> dict:
    """A kept record, with what the inference itself wrote of the subject on top (``<subject>_seg.json``, if any).

    Volumes stay those of the label map that was drawn; a flag says where what was written is not the same.
    """
    path = record_path(label_map_path(output_dir, record["subject"]))
    if record.get("failed"):
        return record
    written = written_facts(path)
    changed = _changed(record.get("volumes_ml") or {}, written.pop("volumes_ml", {}))
    if changed:
        sentence = f"The label map was changed after it was made: {path.name} says {changed}."
        written["flags"] = [*written.get("flags", []), sentence]
    return record | written


def _changed(drawn: Mapping[str, float], written: Mapping[str, float]) -> str:
    """In words, the written volumes that are others than those drawn; records are rounded to .001 ml."""
    return ", ".join(
        f"{region.upper()} {written[region]:g} ml where {drawn[region]:g} ml are drawn"
        for region in OUTERMOST_FIRST
        if region in written
        and region in drawn
        and not math.isclose(written[region], drawn[region], rel_tol=1e-5, abs_tol=6e-4)
    )


def write_segmentation_report(
    out, output_dir, facts: Mapping[str, object], expected: Mapping[str, list[dict]], when: str | None = None
) -> None:
    """Write the page of an inference to the open text file ``out``.

    Subjects with flags come first, then all in the order of their names. Pictures are copied file by file.

    Args:
        out: text file.
        output_dir: folder of the segmentations; ``report/`` in it holds the parts.
        facts: settings of the run.
        expected: `scripts.evaluation.expected.read_expected`.
        when: see `scripts.report.page.start`.
    """
    parts = Path(output_dir) / "report"
    subjects = [subject_facts(output_dir, record) for record in read_records(parts)]
    failed = [subject for subject in subjects if subject.get("failed")]
    done = sorted((s for s in subjects if not s.get("failed")), key=lambda s: not s.get("flags"))
    flagged = sum(bool(subject.get("flags")) for subject in done)
    summary = f"<b>{len(done)}</b> of {len(subjects)} subjects were segmented"
    summary += f", <b>{flagged}</b> with a warning" if flagged else ""
    summary += f"; <b>{len(failed)}</b> could not be done." if failed else "."
    out.write(start("Brain tumour segmentation", summary, when))
    out.write(toolbar({"overview": "Overview", "subjects": "Subjects", "about": "How to read this"}, [], truth=False))
    out.write('<main><h2 id="overview">Overview</h2>\n')
    out.write(failures("Not segmented", failed))
    out.writelines(table(_HEAD, map(_line, done + failed)))
    out.write('<h2 id="subjects">Subjects</h2>\n')
    for subject in done:
        out.writelines(_card(subject, expected))
        copy_picture(parts, subject["subject"], out)
        out.write("</div></article>\n")
    out.write("</main>")
    out.write(end(facts, PICTURES + DICE))


def _line(subject: dict) -> str:
    name, volumes = escape(subject["subject"]), subject.get("volumes_ml") or {}
    if subject.get("failed"):
        title, remark = name, "not segmented"
    else:
        title = f'<a href="#{anchor(subject["subject"])}">{name}</a>'
        remark = "; ".join(map(escape, subject.get("flags") or []))
    cells = "".join(cell(ml(volumes.get(region)), volumes.get(region)) for region in OUTERMOST_FIRST)
    used = sequences_text(subject.get("sequences") or [])
    return f"<tr><td>{title}</td><td>{used}</td>{cells}<td>{remark}</td></tr>\n"


def _card(subject: dict, expected: Mapping[str, list[dict]]) -> Iterator[str]:
    name, sequences = subject["subject"], subject.get("sequences") or []
    yield f'<article class="card" id="{anchor(name)}"><header><h3>{escape(name)}</h3>'
    yield f'<span class="small">from {sequences_text(sequences)}'
    yield f", by {escape(str(subject['network']))}" if subject.get("network") else ""
    yield '</span></header><div class="beside"><div>'
    flags = subject.get("flags")
    yield from (f'<p class="flag"><b>Check:</b> {escape(flag)}</p>' for flag in flags or [])
    yield '<p class="good">No warning.</p>' if flags == [] else ""
    entries = accuracy_of(expected, sequences) if sequences else []
    yield '<table class="plain"><thead><tr><th>Region</th><th class="n">Volume</th><th>Expected Dice</th></tr></thead>'
    yield "<tbody>"
    for region in OUTERMOST_FIRST:
        volume = (subject.get("volumes_ml") or {}).get(region)
        unit = " ml" if volume else ""
        dice = _interval(entries[0]["dice"][region]) if entries else "not known"
        title = f'<b>{region.upper()}</b> <span class="small">{REGION_TITLES[region]}</span>'
        yield f"<tr><td>{key(region)}{title}</td>"
        yield f'<td class="n"><b>{ml(volume)}{unit}</b></td><td>{dice}</td></tr>'
    yield "</tbody></table>"
    if entries:
        yield '<p class="small">Expected Dice of this choice of sequences: mean and its 95% interval, '
        yield f"measured on {escape(entries[0]['data'])}.</p>"
        for entry in entries[1:]:
            dices = ", ".join(f"{r.upper()} {entry['dice'][r]['mean']:.2f}" for r in OUTERMOST_FIRST)
            yield f'<p class="small">On {escape(entry["data"])}: {dices}.</p>'
    else:
        yield f'<p class="small">How accurate the network is with {sequences_text(sequences) or "this input"} '
        yield "has not been measured.</p>"
    if subject.get("note"):
        yield f'<p class="small">{escape(subject["note"])}</p>'
    yield "</div>"


def _interval(dice: dict) -> str:
    low, high = dice["interval"]
    glyph = interval_glyph(dice["mean"], low, high)
    return f"{glyph}<b>{dice['mean']:.2f}</b> <small>{low:.2f} to {high:.2f}</small>"

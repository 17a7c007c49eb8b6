# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: the summary of every network, box plots, and the subjects, the worst first."""

import base64
import math
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import pandas as pd

from scripts.evaluation.summary import read_cases, summarise
from scripts.report.overlay import OUTERMOST_FIRST, anchor
from scripts.report.page import (
    DICE,
    PICTURES,
    cell,
    decimals,
    end,
    failures,
    interval,
    ml,
    sequences_text,
    start,
    table,
    toolbar,
)
from scripts.report.parts import copy_picture, read_records

TITLE = "Evaluation of brain tumour segmentation"
_READING = (
    DICE + "<p>HD95 is the distance in mm within which 95% of the two surfaces lie; it is undefined where one of them "
    "is empty, and such subjects are counted, not averaged. Numbers are means over subjects with their 95% bootstrap "
    "interval. &lsquo;ET without tiny&rsquo; is the Dice when predicted enhancing tumour of less than 0.5 ml "
    "altogether is emptied. Where truth and prediction are both empty Dice is 1, where one of them is 0.</p>"
)


def main_network(networks) -> str:
    """The network by which subjects are ranked: the student; of all students that of T1ce + FLAIR; or the last."""
    networks = list(networks)
    return next((name for name in ("student", "t1ce+flair") if name in networks), networks[-1])


def drawn_networks(networks, most: int = 4) -> list[str]:
    """The networks whose contours pictures hold, the main one first, at most so many."""
    first = main_network(networks)
    others = [name for name in networks if name != first]
    others.sort(key=lambda name: name != "teacher")
    return [first, *others][:most] if len(others) < most else [first, *others[:1]]


def worst_first(cases: pd.DataFrame, network: str) -> list[str]:
    """Subjects by this network's mean Dice of the three regions, the lowest first, equal ones by name.

    Subjects that this network has not done come last.
    """
    means = cases[cases.network == network].groupby("subject").dice.mean()
    every = sorted(cases.subject.unique())
    return sorted(every, key=lambda subject: means.get(subject, math.inf))


def write_evaluation_report(out, output_dir, facts: Mapping[str, object], when: str | None = None) -> None:
    """Write the page of an evaluation to the open text file ``out``.

    Args:
        out: text file.
        output_dir: folder with ``cases.csv``, unless no subject could be done; ``report/`` in it holds the parts,
            ``evaluation.png`` the plots.
        facts: settings of the run.
        when: see `scripts.report.page.start`.

    Raises:
        UserError: there is nothing in cases.csv.
    """
    output_dir = Path(output_dir)
    failed = [record for record in read_records(output_dir / "report") if record.get("failed")]
    undone = f" <b>{len(failed)}</b> could not be done." if failed else ""
    if not (output_dir / "cases.csv").is_file():
        out.write(start(TITLE, f"<b>No</b> subject was evaluated.{undone}", when))
        out.write(f"<main>{failures('Not evaluated', failed)}</main>")
        out.write(end(facts, ""))
        return
    cases = read_cases(output_dir / "cases.csv")
    networks = list(cases.network.unique())
    summary, first = summarise(cases), main_network(networks)
    mean = summary["networks"][first]["regions"]["mean"]["dice"]["mean"]
    told = f"<b>{summary['subjects']}</b> subjects, {len(networks)} network{'s' * (len(networks) > 1)}; mean Dice of "
    told += f"{_name(first, summary)}: <b>{decimals(mean, 2)}</b>.{undone}"
    out.write(start(TITLE, told, when))
    links = {"summary": "Summary", "ranking": "Worst first", "subjects": "Pictures", "about": "How to read this"}
    out.write(toolbar(links, drawn_networks(networks), truth=True))
    out.write('<main><h2 id="summary">Summary</h2>\n')
    out.write(failures("Not evaluated", failed))
    head = [("Network", ""), ("Sequences", "")] + [(f"Dice {name}", "n") for name in ("WT", "TC", "ET", "mean")]
    head += [("ET without tiny", "n")] + [(f"HD95 mm {region.upper()}", "n") for region in OUTERMOST_FIRST]
    out.writelines(table(head, _summary_rows(summary), sortable="student_minus_teacher" not in summary))
    if (output_dir / "evaluation.png").is_file():
        plot = base64.b64encode((output_dir / "evaluation.png").read_bytes()).decode()
        out.write(
            f'<p><img class="chart" alt="Dice and HD95 of every subject" src="data:image/png;base64,{plot}"></p>\n'
        )
    order = worst_first(cases, first)
    out.write(f'<h2 id="ranking">Subjects, worst first by mean Dice of {_name(first, summary)}</h2>\n')
    wide = cases.pivot(index="subject", columns=["network", "region"], values=["dice", "hd95_mm", "true_ml"])
    others = drawn_networks(networks)[1:]
    head = [("Subject", ""), ("Dice, mean", "n"), ("WT", "n"), ("TC", "n"), ("ET", "n"), ("HD95 WT mm", "n")]
    head += [("true WT ml", "n"), ("true ET ml", "n")] + [(f"Dice, {escape(name)}", "n") for name in others]
    out.writelines(table(head, (_line(subject, wide.loc[subject], first, others) for subject in order)))
    out.write('<h2 id="subjects">Pictures</h2>\n')
    grouped = cases.groupby("subject")
    for subject in order:
        out.writelines(_card(subject, grouped.get_group(subject)))
        copy_picture(output_dir / "report", subject, out)
        out.write("</article>\n")
    out.write("</main>")
    out.write(end(facts, PICTURES + _READING))


def _name(network: str, summary: dict) -> str:
    sequences = summary["networks"][network]["sequences"]
    return escape(network) + (f" ({sequences_text(sequences)})" if network != sequences else "")


def _summary_rows(summary: dict) -> Iterator[str]:
    for network, result in summary["networks"].items():
        name = f"<td>{escape(network)}</td><td>{sequences_text(result['sequences'])}</td>"
        yield _summary_row(name, result["regions"])
    if "student_minus_teacher" in summary:
        difference = summary["student_minus_teacher"]
        p = decimals(difference["mean"]["dice"]["wilcoxon_p"], 3)
        note = f"same subjects; mean Dice: Wilcoxon p {p}"
        yield _summary_row(f'<td colspan="2">student minus teacher<small>{note}</small></td>', difference)


def _summary_row(name: str, regions: Mapping[str, Mapping]) -> str:
    dices = [regions[region]["dice"] for region in (*OUTERMOST_FIRST, "mean")] + [regions["et"]["dice_cleaned"]]
    distances = [regions[region]["hd95_mm"] for region in OUTERMOST_FIRST]
    cells = [cell(interval(measure, 3), measure["mean"]) for measure in dices]
    cells += [cell(interval(measure, 1), measure["mean"]) for measure in distances]
    return f"<tr>{name}{''.join(cells)}</tr>\n"


def _line(subject: str, row: pd.Series, first: str, others: list[str]) -> str:
    dices = [row["dice", first, region] for region in OUTERMOST_FIRST]
    cells = [cell(f"<b>{decimals(value := sum(dices) / 3, 2)}</b>", value)]
    cells += [cell(decimals(value, 2), value) for value in dices]
    cells.append(cell(decimals(value := row["hd95_mm", first, "wt"], 1), value))
    cells += [cell(ml(value := row["true_ml", first, region]), value) for region in ("wt", "et")]
    for name in others:
        value = sum(row["dice", name, region] for region in OUTERMOST_FIRST) / 3
        cells.append(cell(decimals(value, 2), value))
    return f'<tr><td><a href="#{anchor(subject)}">{escape(subject)}</a></td>{"".join(cells)}</tr>\n'


def _card(subject: str, rows: pd.DataFrame) -> Iterator[str]:
    yield f'<article class="card" id="{anchor(subject)}"><header><h3>{escape(subject)}</h3></header>'
    measures = {"dice": "Dice", "hd95_mm": "HD95 mm", "predicted_ml": "Volume ml"}
    yield '<div class="scroll fit"><table class="plain"><thead><tr><th rowspan="2">Network</th>'
    yield "".join(f'<th colspan="3" class="first">{title}</th>' for title in measures.values()) + "</tr><tr>"
    yield "".join(_of_regions(lambda region: region.upper(), "th") for _ in measures) + "</tr></thead><tbody>"
    for network, measured in rows.groupby("network", sort=False):
        measured = measured.set_index("region")
        yield f"<tr><td>{escape(network)}</td>"
        yield _of_regions(lambda region: f"<b>{decimals(measured.dice[region], 2)}</b>")
        yield _of_regions(lambda region: decimals(measured.hd95_mm[region], 1))
        yield _of_regions(lambda region: ml(measured.predicted_ml[region])) + "</tr>"
    yield '<tr><td>truth</td><td class="first" colspan="3"></td><td class="first" colspan="3"></td>'
    yield _of_regions(lambda region: ml(measured.true_ml[region])) + "</tr></tbody></table></div>\n"


def _of_regions(shown, tag: str = "td") -> str:
    """Three cells, of which the first has a line at its left."""
    return "".join(
        f'<{tag} class="n{" first" if region == OUTERMOST_FIRST[0] else ""}">{shown(region)}</{tag}>'
        for region in OUTERMOST_FIRST
    )

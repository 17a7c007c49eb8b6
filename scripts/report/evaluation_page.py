# SPDX-License-Identifier: Apache-2.0
"""The values of ``templates/evaluation.html``: the summary of every network, box plots, and subjects, worst first."""

import base64
import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from scripts.common.titles import OUTERMOST_FIRST, sequences_text
from scripts.evaluation.summary import read_cases, summarise
from scripts.report.links import existing_links
from scripts.report.parts import read_parts


def main_network(networks: Iterable[str]) -> str:
    """The network by which subjects are ranked: the student; of several students that of T1ce + FLAIR, or the last."""
    networks = list(networks)
    return next((name for name in ("student", "t1ce+flair") if name in networks), networks[-1])


def networks_to_draw(networks: Iterable[str], limit: int = 4) -> list[str]:
    """The networks whose contours are drawn, the main one first, then the teacher.

    All of them if they are not more than ``limit``, else two.
    """
    networks = list(networks)
    main = main_network(networks)
    others = sorted((name for name in networks if name != main), key=lambda name: name != "teacher")
    return [main, *others] if len(networks) <= limit else [main, *others[:1]]


def worst_first(cases: pd.DataFrame, network: str) -> list[str]:
    """Subjects by this network's mean Dice of the three regions, the lowest first, equal ones by name.

    Subjects that this network was not evaluated on come last.
    """
    means = cases[cases.network == network].groupby("subject").dice.mean()
    return sorted(cases.subject.unique(), key=lambda subject: (means.get(subject, math.inf), subject))


def evaluation_values(output_dir) -> dict:
    """Values for the template; only ``failed`` if no subject could be evaluated.

    Args:
        output_dir: folder with ``cases.csv``, ``evaluation.png`` (may be missing), and the parts in ``report/``.

    Raises:
        UserError: cases.csv is empty.
    """
    output_dir = Path(output_dir)
    failed = [facts for facts in read_parts(output_dir / "report") if facts.get("failed")]
    if not (output_dir / "cases.csv").is_file():
        return {"failed": failed, "tables": {}, "subjects": []}
    cases = read_cases(output_dir / "cases.csv")
    summary = summarise(cases)
    main = main_network(summary["networks"])
    sequences, by_subject = summary["networks"][main]["sequences"], dict(list(cases.groupby("subject")))
    plot = output_dir / "evaluation.png"
    return {
        "failed": failed,
        "tables": existing_links([output_dir / "cases.csv", output_dir / "summary.json"], output_dir),
        "summary": summary,
        "main": main,
        "main_title": main if main == sequences else f"{main} ({sequences_text(sequences)})",
        "drawn": networks_to_draw(summary["networks"]),
        "plot": base64.b64encode(plot.read_bytes()).decode() if plot.is_file() else None,
        "subjects": [
            _subject(subject, by_subject[subject], summary["networks"]) for subject in worst_first(cases, main)
        ],
    }


def _subject(subject: str, cases: pd.DataFrame, networks: Iterable[str]) -> dict:
    """One subject's measures per network and region; NaN for networks that were not evaluated on it."""
    measures = {}
    for network in networks:
        regions = cases[cases.network == network].set_index("region").reindex(OUTERMOST_FIRST)
        measures[network] = {name: regions[name].to_dict() for name in ("dice", "hd95_mm", "predicted_ml")}
        measures[network]["mean_dice"] = regions.dice.mean(skipna=False)
    return {
        "subject": subject,
        "networks": measures,
        "evaluated": list(cases.network.unique()),
        "true_ml": cases.drop_duplicates("region").set_index("region").true_ml.reindex(OUTERMOST_FIRST).to_dict(),
    }

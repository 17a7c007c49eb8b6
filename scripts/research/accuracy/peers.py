# SPDX-License-Identifier: Apache-2.0
"""This bundle's accuracy beside what was published (docs/peers.json), and what differs between the two."""

import json
from pathlib import Path

from scripts.common.errors import UserError
from scripts.report.overlay import OUTERMOST_FIRST
from scripts.report.page import sequences_text
from scripts.research.accuracy.cases import SETTINGS, Evaluation
from scripts.research.accuracy.tables import MEANS, with_interval
from scripts.research.markdown import REGION_NAMES, markdown_table, number

_DIFFERS = {
    "data": "data",
    "split": "split",
    "training_subjects": "subjects for training",
    "test_subjects": "subjects for the test",
    "networks": "networks",
    "input": "input",
    "regions": "regions",
    "post_processing": "post-processing",
    "empty": "empty regions",
    "checkpoint": "checkpoint",
    "spread": "spread",
    "source": "source of the numbers",
}


def read_peers(path) -> list[dict]:
    """The groups of published tables: what each was measured on (`_DIFFERS`), and ``systems``.

    Returns:
        per group a dictionary; ``systems[name][setting]`` is Dice in per cent, in the order of `OUTERMOST_FIRST`.

    Raises:
        UserError: there is no such file, or a group lacks a field, a setting or a number.
    """
    path = Path(path)
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
        for group in groups:
            str([group[field] for field in _DIFFERS])
            for table in group["systems"].values():
                for setting in SETTINGS:
                    wt, tc, et = table[setting]
                    f"{wt:.2f} {tc:.2f} {et:.2f}"
    except FileNotFoundError:
        raise UserError(f"There is no {path}: it belongs to the repository, so fetch it from there again.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no table of published accuracy ({error}): fetch it again.") from error
    return groups


def _places(table: dict) -> int:
    """Decimals that a published table has."""
    return max(len(str(value).partition(".")[2]) for row in table.values() for value in row)


def peer_tables(simulated: Evaluation, real: Evaluation, groups: list[dict]) -> list[str]:
    """A table per region, in per cent: a row per setting and the means over settings, ours and theirs."""
    lines = []
    systems = {
        f"{name}, {group['data'].split(',')[0]}": table for group in groups for name, table in group["systems"].items()
    }
    for column, region in enumerate(OUTERMOST_FIRST):
        ours = [("ours, simulated", simulated, "dice"), ("ours, real", real, "dice")]
        ours += [("ours, real, without tiny", real, "dice_cleaned")] if region == "et" else []
        rows = []
        for setting in SETTINGS:
            cells = [with_interval(data.measure(setting, region, measure), ".1f", 100) for _, data, measure in ours]
            rows.append(
                [
                    sequences_text(setting),
                    *cells,
                    *(f"{table[setting][column]:.{_places(table)}f}" for table in systems.values()),
                ]
            )
        for title, settings in MEANS.items():
            cells = [with_interval(data.mean_over(settings, region, measure), ".1f", 100) for _, data, measure in ours]
            means = [sum(table[name][column] for name in settings) / len(settings) for table in systems.values()]
            rows.append([f"**{title}**", *cells, *(number(mean, ".2f") for mean in means)])
        head = ["sequences", *(name for name, _, _ in ours), *systems]
        lines += [f"### {REGION_NAMES[region]}", "", *markdown_table(head, rows), ""]
    return lines


def difference_table(simulated: Evaluation, real: Evaluation, groups: list[dict]) -> list[str]:
    """What stands behind the numbers, ours and theirs: a row per field of docs/peers.json."""
    ours = {
        "data": f"{simulated.subjects} simulated subjects; {real.subjects} real ones of BraTS 2021, of which "
        f"{real.subjects - real.with_et} have no ET",
        "split": "simulated: held out; real: cross-validation, no subject measured by a network that has seen it",
        "training_subjects": f"simulated ones and all {real.subjects} real ones (ours, simulated), or fewer than "
        f"{real.subjects} of them (ours, real): [model card](README.md)",
        "test_subjects": f"{simulated.subjects} and {real.subjects}",
        "networks": "one network for each choice of sequences",
        "input": "each sequence normalised alone, nothing of an absent one is used; coarser than the scan ([model "
        "card](README.md)), but measured in the scan's own grid, whole",
        "regions": "WT, TC, ET",
        "post_processing": "none; without tiny: predicted ET below 0.5 ml is emptied, as in DeMoSeg",
        "empty": "a region empty in truth and prediction counts as 1, in one of them as 0",
        "checkpoint": "[model card](README.md)",
        "spread": "95% intervals over subjects; one training, one seed",
        "source": "docs/results",
    }
    head = ["", "this bundle", *(", ".join(group["systems"]) for group in groups)]
    rows = [[title, ours[field], *(group[field] for group in groups)] for field, title in _DIFFERS.items()]
    return markdown_table(head, rows)

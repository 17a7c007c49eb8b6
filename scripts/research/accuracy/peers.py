# SPDX-License-Identifier: Apache-2.0
"""This bundle's accuracy beside published results (``docs/peers.json``), and how the two differ."""

from collections.abc import Mapping
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.json_files import read_json
from scripts.common.titles import OUTERMOST_FIRST, sequences_text
from scripts.research.accuracy.evaluation import SUBSETS, Evaluation
from scripts.research.accuracy.tables import MEANS
from scripts.research.markdown import REGION_NAMES, markdown_table, number, with_interval

# What ``docs/peers.json`` says of each group, and its title in the table.
FIELDS = {
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


def read_peers(path: str | Path) -> list[dict]:
    """Read the groups of published tables: `FIELDS` and ``systems`` of each.

    Returns:
        ``systems[name][subset]`` is Dice of WT, TC and ET in per cent.

    Raises:
        UserError: there is no such file, or a group lacks a field, a subset or a number.
    """
    path = Path(path)
    try:
        groups = read_json(path)["groups"]
        for group in groups:
            missing = [field for field in FIELDS if field not in group]
            if missing:
                raise KeyError(*missing)
            rows = [table[subset] for table in group["systems"].values() for subset in SUBSETS]
            if not all(len(row) == 3 and all(isinstance(dice, (int, float)) for dice in row) for row in rows):
                raise ValueError("a subset lacks its three numbers")
    except FileNotFoundError:
        raise UserError(f"There is no {path}: restore it from the repository.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no table of published accuracy ({error}): restore it.") from error
    return groups


def _decimals(table: dict) -> int:
    """Decimals of a published table."""
    return max(len(str(value).partition(".")[2]) for row in table.values() for value in row)


def peer_tables(evaluations: Mapping[str, Evaluation], groups: list[dict]) -> list[str]:
    """A table for each region, in per cent: a row for each subset and mean, ours and the published ones."""
    lines = []
    systems = {
        f"{name}, {group['data'].split(',')[0]}": table for group in groups for name, table in group["systems"].items()
    }
    for column, region in enumerate(OUTERMOST_FIRST):
        ours = [(f"ours, {name}", evaluation, "dice") for name, evaluation in evaluations.items()]
        if region == "et":
            ours += [(f"ours, {name}, without tiny", each, "dice_cleaned") for name, each in evaluations.items()]
        rows = []
        for subset in SUBSETS:
            cells = [with_interval(data.measure(subset, region, measure), ".1f", 100) for _, data, measure in ours]
            theirs = [f"{table[subset][column]:.{_decimals(table)}f}" for table in systems.values()]
            rows.append([sequences_text(subset), *cells, *theirs])
        for title, subsets in MEANS.items():
            cells = [with_interval(data.mean_over(subsets, region, measure), ".1f", 100) for _, data, measure in ours]
            means = [sum(table[name][column] for name in subsets) / len(subsets) for table in systems.values()]
            rows.append([f"**{title}**", *cells, *(number(mean, ".2f") for mean in means)])
        head = ["sequences", *(name for name, _, _ in ours), *systems]
        lines += [f"### {REGION_NAMES[region]}", "", *markdown_table(head, rows), ""]
    return lines


def difference_table(evaluations: Mapping[str, Evaluation], groups: list[dict]) -> list[str]:
    """How data, training and rules differ between ours and the published results: a row for each field."""
    sizes = ", ".join(f"{evaluation.subjects} of {name}" for name, evaluation in evaluations.items())
    ours = {
        "data": "GLI: adult glioma; SSA: BraTS-Africa",
        "split": "cross-validation by patient, no subject measured by a network trained on it",
        "training_subjects": "simulated ones, and the real ones outside the fold: [model card](README.md)",
        "test_subjects": sizes,
        "networks": "one network for each choice of sequences",
        "input": "each sequence normalised alone, nothing of an absent one is used; coarser than the scan ([model "
        "card](README.md)), but measured in the scan's own grid, whole",
        "regions": "WT, TC, ET",
        "post_processing": "none; without tiny: predicted ET below 0.5 ml is removed, as in DeMoSeg",
        "empty": "a region empty in truth and prediction counts as 1, in one of them as 0",
        "checkpoint": "the last",
        "spread": "95% intervals over patients, one training",
        "source": "docs/results",
    }
    head = ["", "this bundle", *(", ".join(group["systems"]) for group in groups)]
    rows = [[title, ours[field], *(group[field] for group in groups)] for field, title in FIELDS.items()]
    return markdown_table(head, rows)

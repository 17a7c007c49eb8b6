# SPDX-License-Identifier: Apache-2.0
"""The tables of the study's page, from the stored results."""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from scripts.common.sequences import subset_order
from scripts.common.titles import sequences_text
from scripts.research.markdown import DASH, REGION_NAMES, difference, markdown_table, number, span, subjects_text
from scripts.research.study.figure import arm_label, gain_figure
from scripts.research.study.plan import Plan
from scripts.research.study.results import CELL, TRAINING_COLUMNS, TRAININGS, picture_path, read_table, table_path
from scripts.research.study.statistics import ALL, ROWS, gains

# What identifies a training that may have several subsets.
TRAINING = ["arm", "seed", "fold"]

READING = """\
Gain is the mean Dice of WT, TC and ET minus that of the control: the same subsets, seeds and subjects, each subject
averaged first. In brackets the 95% bootstrap interval over patients; **bold** where it excludes zero. It takes the
networks as they are. Each fold has networks of its own: its gain shows how much they differ. The column "new seeds
too" is the interval with seeds drawn anew as well. The column "p" is Wilcoxon's signed rank test over patients, not
corrected for the number of comparisons. The share of the gap is the gain over that of the arm with all labels, where
that gain is sure. Minutes are the time of one training on one core, beside whatever else the machine did. A gradient
ratio says how strongly a term acted on the student."""


def study_lines(plan: Plan, results: str | Path, figure: str | Path, resamples: int = 10_000) -> list[str]:
    """The lines of the page; draws the figure.

    Args:
        plan: of the study.
        results: folder of the tables.
        figure: image file, beside the page.
        resamples: of the bootstraps.
    """
    trainings = read_table(Path(results) / TRAININGS, TRAINING_COLUMNS)
    lines, panels = [], {}
    for part, block in plan.parts.items():
        table = read_table(table_path(results, part))
        # without arms that the plan no longer has
        own = _rows_with(trainings[trainings.part == part], CELL, {cell.key for cell in plan.cells(part)})
        table = _rows_with(table, TRAINING, set(_keys(own, TRAINING)))
        if table.empty:
            continue
        table, left_out = _complete(table, block)
        found = gains(table, block["control"], block.get("groups"), resamples=resamples, ceiling=block.get("ceiling"))
        own = _rows_with(own, TRAINING, set(_keys(table, TRAINING)))
        lines += [f"## {block['title']}", "", _size(own, table, left_out), ""]
        for group in dict.fromkeys(found.group) if len(found) else ():
            chosen = found[found.group == group]
            title = "" if group == ALL else f"### {group}"
            lines += [title, ""] if title else []
            lines += teacher_line(table, block.get("groups", {}).get(group, ""))
            lines += [*summary_table(chosen, block["control"], own), ""]
            if chosen.subset.nunique() > 2:  # a single one is the same as all of them
                lines += [*subset_table(chosen, block["control"]), ""]
            is_control = (chosen.arm == block["control"]) & (chosen.network == "student")
            panels[block["title"] if group == ALL else f"{part}: {group}"] = chosen[~is_control]
        if block.get("pairs"):
            lines += [*pair_table(table, block["pairs"], block.get("groups"), resamples), ""]
        lines += _pictures({arm: picture_path(results, part, arm) for arm in block["arms"]}, Path(figure).parent)
    drawn = gain_figure(panels, figure)
    picture = [f"![Gain of each arm over the control]({Path(figure).name})", ""] if drawn else []
    return [*picture, READING, "", *lines] if lines else []


def _complete(table: pd.DataFrame, block: dict) -> tuple[pd.DataFrame, list[str]]:
    """The trainings of each arm and seed that has all folds of the control, so that all have the same subjects.

    Arms with ``folds`` of their own need not have them all.

    Returns:
        The rows, and the arms and seeds that were left out, in words.
    """
    everywhere = [arm for arm, entry in block["arms"].items() if "folds" not in entry]
    folds = table.groupby(["arm", "seed"]).fold.agg(frozenset)
    of_control = max((own for (arm, _), own in folds.items() if arm == block["control"]), key=len, default=frozenset())
    partly = [key for key, own in folds.items() if key[0] in everywhere and not of_control <= own]
    left_out = [f"{arm_label(arm, 'student')} (seed {seed})" for arm, seed in partly]
    return _rows_with(table, ["arm", "seed"], set(folds.index) - set(partly)), left_out


def _rows_with(table: pd.DataFrame, columns: list[str], keys: set[tuple]) -> pd.DataFrame:
    """The rows whose values in these columns are one of the keys."""
    return table[pd.Series([key in keys for key in _keys(table, columns)], index=table.index, dtype=bool)]


def _keys(table: pd.DataFrame, columns: list[str]) -> list[tuple]:
    return list(table[columns].itertuples(index=False, name=None))


def _pictures(paths: dict[str, Path], folder: Path) -> list[str]:
    """The pictures that there are, each with the name of its arm, as links from the page's folder."""
    lines = []
    for arm, path in paths.items():
        if path.is_file():
            link = Path(os.path.relpath(path, folder)).as_posix()
            lines += [f"{arm_label(arm, 'student')}, at the end of its first training:", "", f"![{arm}]({link})", ""]
    return lines


def facts_of(trainings: pd.DataFrame) -> list[str]:
    """The time of a training of one arm on average, in minutes of one core, and the median of each term's ratios.

    Interrupted trainings have no time.
    """
    minutes = (trainings.seconds.astype(float) * trainings.cores.astype(float)).mean() / 60
    ratios = pd.DataFrame([json.loads(text) for text in trainings.ratios]).median()
    texts = [f"{name.replace('_', ' ')} {number(value, '.2f')}" for name, value in ratios.items()]
    return [number(minutes, ".0f"), ", ".join(texts) or DASH]


def _size(trainings: pd.DataFrame, table: pd.DataFrame, left_out: list[str]) -> str:
    hours = (trainings.seconds.astype(float) * trainings.cores.astype(float)).sum() / 3600
    unknown = int(trainings.seconds.isna().sum())
    partly = f" ({unknown} trainings were interrupted and are not in it)" if unknown else ""
    missing = f" Left out, as not all folds were run yet: {', '.join(left_out)}." if left_out else ""
    steps = _range(trainings.steps.astype(int))
    versions = sorted(set(trainings.version))
    half = int(trainings.amp.sum())
    mixed = f"{half} with bfloat16, the others in float32" if half < len(trainings) else "with bfloat16"
    precision = mixed if half else "in float32"
    measured = subjects_text(table.subject.nunique(), table.patient.nunique())
    return (
        f"{table.arm.nunique()} arms, {len(trainings)} trainings of {steps} steps ({precision}), "
        f"{measured}; {hours:.1f} core-hours{partly}; version {', '.join(versions)}.{missing}"
    )


def _range(values: Iterable[int]) -> str:
    ends = dict.fromkeys((min(values), max(values)))
    return " to ".join(map(str, ends))


def summary_table(found: pd.DataFrame, control: str, trainings: pd.DataFrame) -> list[str]:
    """A row for each arm over all subsets: the control first, then by gain.

    Args:
        found: of `scripts.research.study.statistics.gains`.
        control: name of the arm that the others are compared with.
        trainings: rows of `TRAININGS` of the part.
    """
    chosen = found[found.subset == ALL]
    wide = chosen.pivot(index=["arm", "network"], columns="region", values="dice")
    chosen = chosen[chosen.region == "mean"]
    first = (chosen.arm == control) & (chosen.network == "student")
    chosen = chosen.assign(first=first).sort_values(["first", "gain"], ascending=False, kind="stable")
    rows = []
    for line in chosen.itertuples():
        dice = [number(wide.loc[(line.arm, line.network), region]) for region in ROWS]
        size = [str(len(line.subsets)), str(len(line.seeds)), str(line.subjects)]
        gain = [DASH] * 4
        if not line.first:
            gain = _gain_cells(line)
        share = [_share(line)] if "share" in chosen else []
        facts = facts_of(trainings[trainings.arm == line.arm])
        rows.append([arm_label(line.arm, line.network), *size, *dice, *gain, *share, *facts])
    head = ["arm", "subsets", "seeds", "subjects", *(f"Dice {name}" for name in REGION_NAMES.values())]
    head += [
        "gain [95%]",
        "each fold",
        "new seeds too",
        "p",
        *(["share of the gap [95%]"] if "share" in chosen else []),
        "minutes",
        "gradient ratios",
    ]
    return markdown_table(head, rows)


def _share(line) -> str:
    if line.first or math.isnan(line.share):
        return DASH
    return f"{line.share:.0%} [{line.share_low:.0%}, {line.share_high:.0%}]"


def subset_table(found: pd.DataFrame, control: str) -> list[str]:
    """A row for each arm, a column for each subset: the control's mean Dice, and the gains of the others."""
    subsets = sorted(set(found.subset) - {ALL}, key=subset_order)
    chosen = found[found.region == "mean"]
    rows = {}
    for line in chosen[chosen.subset != ALL].itertuples():
        cells = rows.setdefault((line.arm, line.network), dict.fromkeys(subsets, DASH))
        is_control = (line.arm, line.network) == (control, "student")
        cells[line.subset] = number(line.dice) if is_control else _gain(line)
    order = sorted(rows, key=lambda key: key != (control, "student"))
    head = ["mean Dice of the control, gain of the others", *map(sequences_text, subsets)]
    return markdown_table(head, [[arm_label(*key), *rows[key].values()] for key in order])


def teacher_line(table: pd.DataFrame, starts: str) -> list[str]:
    """Dice of the teacher that the arms share, of one group's subjects; nothing if no arm has measured it.

    Args:
        table: of `scripts.research.study.results.read_table`.
        starts: start, or starts joined by ``|``, of the subjects' names.
    """
    own = table[(table.network == "teacher") & table.subject.str.startswith(tuple(starts.split("|")))]
    own = own[own.arm == own.arm.min()]  # arms with the same frozen teacher measure the same
    dice = own.groupby("region").dice.mean()
    texts = [f"{REGION_NAMES[region]} {number(dice[region])}" for region in REGION_NAMES if region in dice]
    return [f"The teacher, with all four sequences, has a Dice of {', '.join(texts)}.", ""] if texts else []


def pair_table(table: pd.DataFrame, pairs: list[list[str]], groups: dict | None, resamples: int = 10_000) -> list[str]:
    """A row for each pair of arms and each group: the mean Dice of the first arm minus that of the second.

    Pairs of arms that are not both in the table are left out; without any there are no lines.
    """
    rows, there = [], set(table.arm)
    for arm, other in (pair for pair in pairs if there.issuperset(pair)):
        found = gains(table[table.arm.isin([arm, other])], other, groups, resamples=resamples)
        for line in found.itertuples():
            if (line.arm, line.network, line.subset, line.region) == (arm, "student", ALL, "mean"):
                size = [str(len(line.subsets)), str(len(line.seeds)), str(line.subjects)]
                rows.append([arm_label(arm), arm_label(other), line.group, *size, *_gain_cells(line)])
    head = ["arm", "against", "group", "subsets", "seeds", "subjects", "gain [95%]", "each fold", "new seeds too", "p"]
    return markdown_table(head, rows) if rows else []


def _gain_cells(line) -> list[str]:
    """Gain, gain of each fold, interval with new seeds too, and p."""
    folds = ", ".join(number(own, "+.3f") for own in line.by_fold) if len(line.by_fold) > 1 else DASH
    return [_gain(line), folds, span(line.seeds_low, line.seeds_high), number(line.p, "#.2g")]


def _gain(line) -> str:
    return difference({"mean": line.gain, "interval": (line.low, line.high), "patients": line.patients})

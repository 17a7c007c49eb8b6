# SPDX-License-Identifier: Apache-2.0
"""The tables of the accuracy page and of the model card about this bundle's networks, as lines of markdown."""

from collections.abc import Mapping

import pandas as pd
from scripts.common.titles import OUTERMOST_FIRST, sequences_text
from scripts.evaluation.summary import ENTROPY
from scripts.inference.segmentation_record import RecordSegmentationd
from scripts.research.accuracy.evaluation import LIMITED, SUBSETS, TEACHER, Evaluation
from scripts.research.markdown import DASH, REGION_NAMES, difference, markdown_table, number, with_interval

HEADLINE = "t1ce+flair"
# What the project aims at, by collection: Dice of the teacher, of T1ce + FLAIR below it, and of the 14 limited.
AIMS = {
    "GLI": ({"wt": 0.92, "tc": 0.87, "et": 0.82}, -0.015, {"wt": 0.87, "tc": 0.75, "et": 0.56}, 0.80),
    "SSA": ({"wt": 0.91, "tc": 0.82, "et": 0.82}, -0.02, {"wt": 0.84, "tc": 0.66, "et": 0.58}, 0.70),
}
# Rows of means below those of the subsets.
MEANS = {"mean of the 14 limited": LIMITED, "mean of all 15": SUBSETS}
# Lower ends of the bands of whole tumour Dice.
BANDS = (0.0, 0.4, 0.6, 0.8)


def overview_table(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """Dice of the three regions: a row for each subset and mean, columns by evaluation (name: evaluation)."""
    head = ["sequences"] + [f"{name}: {REGION_NAMES[region]}" for name in evaluations for region in OUTERMOST_FIRST]
    columns = [(evaluation, region) for evaluation in evaluations.values() for region in OUTERMOST_FIRST]
    rows = [
        [sequences_text(subset)] + [with_interval(evaluation.measure(subset, region)) for evaluation, region in columns]
        for subset in SUBSETS
    ]
    rows += [
        [f"**{title}**"] + [with_interval(evaluation.mean_over(subsets, region)) for evaluation, region in columns]
        for title, subsets in MEANS.items()
    ]
    return markdown_table(head, rows)


def dice_table(evaluation: Evaluation) -> list[str]:
    """A row for each subset: Dice of every region, and of enhancing tumour counted in three ways."""
    without = evaluation.subjects - evaluation.with_et
    head = ["sequences", *(f"Dice {name}" for name in REGION_NAMES.values()), "ET without tiny"]
    if without:
        head += [f"ET of the {evaluation.with_et} that have it", f"ET predicted in the {without} that have none"]
    rows = []
    for subset in SUBSETS:
        cells = [with_interval(evaluation.measure(subset, region)) for region in REGION_NAMES]
        cells.append(with_interval(evaluation.measure(subset, "et", "dice_cleaned")))
        if without:
            cells += [with_interval(evaluation.et_where_present(subset)), str(evaluation.false_et(subset))]
        rows.append([sequences_text(subset), *cells])
    return markdown_table(head, rows)


def distance_table(evaluation: Evaluation) -> list[str]:
    """A row for each subset: HD95 in mm with the number of undefined ones, and the volume error of WT."""
    head = ["sequences", *(f"HD95 {REGION_NAMES[region]} mm (undefined)" for region in OUTERMOST_FIRST)]
    rows = []
    for subset in SUBSETS:
        measured = [evaluation.measure(subset, region, "hd95_mm") for region in OUTERMOST_FIRST]
        cells = [f"{with_interval(distance, '.1f')} ({distance['undefined']})" for distance in measured]
        volume = with_interval(evaluation.measure(subset, "wt", "predicted_minus_true_ml"), "+.1f")
        rows.append([sequences_text(subset), *cells, volume])
    return markdown_table([*head, "WT, predicted minus true ml"], rows)


def teacher_gap_table(evaluation: Evaluation) -> list[str]:
    """A row for each student: its Dice minus the teacher's on the same subjects."""
    rows = []
    for subset in LIMITED:
        gaps = {region: evaluation.minus_teacher(subset, region) for region in REGION_NAMES}
        cells = [difference(gap) for gap in gaps.values()]
        rows.append([sequences_text(subset), *cells, number(gaps["mean"]["wilcoxon_p"], "#.2g")])
    return markdown_table(["sequences", *REGION_NAMES.values(), "p (mean)"], rows)


def aim_table(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """Aims beside measured values: a row for each collection of `AIMS`, aim and region."""
    rows = []
    for name, (teacher, below, limited, t1_alone) in AIMS.items():
        one = evaluations[name]
        for region, aim in teacher.items():
            rows.append([name, "teacher, all four sequences", region, aim, one.measure(TEACHER, region), ".3f"])
        for region in OUTERMOST_FIRST:
            gap = one.minus_teacher(HEADLINE, region)
            rows.append([name, f"{sequences_text(HEADLINE)} minus teacher", region, below, gap, "+.3f"])
        for region, aim in limited.items():
            rows.append([name, "mean of the 14 limited", region, aim, one.mean_over(LIMITED, region), ".3f"])
        rows.append([name, "T1 alone", "wt", t1_alone, one.measure("t1", "wt"), ".3f"])
    return markdown_table(
        ["subjects", "what", "region", "asked", "measured", "measured minus asked", "met"], [_aim_row(*r) for r in rows]
    )


def _aim_row(name: str, what: str, region: str, aim: float, measured: dict, form: str) -> list[str]:
    gap = measured["mean"] - aim
    met = "yes" if round(gap, 9) >= 0 else "**no**"
    asked = f"at least {number(aim, form)}"
    return [name, what, REGION_NAMES[region], asked, with_interval(measured, form), number(gap, "+.3f"), met]


def flag_table(evaluations: Mapping[str, Evaluation], limits: Mapping) -> list[str]:
    """Flagged segmentations of all networks in each band of WT Dice; dashes where the entropy was not stored.

    Args:
        evaluations: by the name in the first column.
        limits: arguments of `scripts.inference.segmentation_record.RecordSegmentationd`.
    """
    ends = [*BANDS[1:], None]
    head = [f"WT Dice from {low:g} to {high:g}" if high else f"from {low:g}" for low, high in zip(BANDS, ends)]
    rows = []
    for name, evaluation in evaluations.items():
        wt = evaluation.cases[evaluation.cases.region == "wt"]
        if wt[ENTROPY].isna()[wt.predicted_ml > 0].any():
            rows.append([name, *[DASH] * len(BANDS)])
            continue
        flagged, cells = _flagged(wt, limits), []
        for low, high in zip(BANDS, ends):
            in_band = flagged[(wt.dice >= low) & (wt.dice < (high or 2))]
            cells.append(f"{in_band.sum()} of {len(in_band)}" if len(in_band) else DASH)
        rows.append([name, *cells])
    return markdown_table(["flagged", *head], rows)


def _flagged(wt: pd.DataFrame, limits: Mapping) -> pd.Series:
    """Whether inference without test-time mirroring would flag each of these rows of WT."""
    record = RecordSegmentationd([], **limits)

    def flagged(case: pd.Series) -> bool:
        entropy = None if pd.isna(case[ENTROPY]) else case[ENTROPY]
        return bool(record.flags({"wt": case.predicted_ml}, {"entropy_bits": entropy, "mirror_disagreement": None}))

    return wt.apply(flagged, axis=1).astype(bool)

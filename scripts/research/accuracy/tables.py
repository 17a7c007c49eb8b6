# SPDX-License-Identifier: Apache-2.0
"""The tables of the accuracy page that are about this bundle's networks alone, as lines of markdown."""

from collections.abc import Mapping

from scripts.report.overlay import OUTERMOST_FIRST
from scripts.report.page import sequences_text
from scripts.research.accuracy.cases import LIMITED, SETTINGS, TEACHER, Evaluation
from scripts.research.markdown import DASH, REGION_NAMES, bold, markdown_table, number, span

SHOWCASE = "t1ce+flair"
AIM_OF_TEACHER = {"wt": 0.90, "tc": 0.85, "et": 0.82}
AIM_OF_SHOWCASE = -0.02
"""How far it may be from the teacher, in every region."""
AIM_OF_LIMITED = {"wt": 0.86, "tc": 0.75, "et": 0.62}
MEANS = {"mean of the 14 limited": LIMITED, "mean of all 15": SETTINGS}
"""Means over settings, as rows below the settings' own."""


def with_interval(measured: Mapping, form: str = ".3f", scale: float = 1) -> str:
    """``0.812 [0.772, 0.851]``; a dash for what is undefined."""
    text = number(scale * measured["mean"], form)
    if text == DASH:
        return DASH
    return f"{text} {span(*(scale * end for end in measured['interval']), form)}"


def difference_text(measured: Mapping) -> str:
    low, high = measured["interval"]
    return f"{bold(number(measured['mean'], '+.3f'), low, high)} {span(low, high)}"


def overview_table(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """A row per setting, Dice of the three regions on each of the evaluations, and the means over settings.

    Args:
        evaluations: what each is called in the head, such as ``{"simulated": ...}``.
    """
    head = ["sequences"] + [f"{name}: {REGION_NAMES[region]}" for name in evaluations for region in OUTERMOST_FIRST]
    columns = [(evaluation, region) for evaluation in evaluations.values() for region in OUTERMOST_FIRST]
    rows = [
        [sequences_text(setting)]
        + [with_interval(evaluation.measure(setting, region)) for evaluation, region in columns]
        for setting in SETTINGS
    ]
    rows += [
        [f"**{title}**"] + [with_interval(evaluation.mean_over(settings, region)) for evaluation, region in columns]
        for title, settings in MEANS.items()
    ]
    return markdown_table(head, rows)


def dice_table(evaluation: Evaluation) -> list[str]:
    """A row per setting: Dice of every region, and of enhancing tumour in the three ways of counting it."""
    without = evaluation.subjects - evaluation.with_et
    head = ["sequences", *(f"Dice {REGION_NAMES[region]}" for region in (*OUTERMOST_FIRST, "mean")), "ET without tiny"]
    head += [f"ET of the {evaluation.with_et} that have it", f"ET predicted in the {without} that have none"]
    rows = []
    for setting in SETTINGS:
        cells = [with_interval(evaluation.measure(setting, region)) for region in (*OUTERMOST_FIRST, "mean")]
        cells.append(with_interval(evaluation.measure(setting, "et", "dice_cleaned")))
        cells.append(with_interval(evaluation.et_where_present(setting)))
        rows.append([sequences_text(setting), *cells, str(evaluation.false_et(setting)) if without else DASH])
    return markdown_table(head, rows)


def distance_table(evaluation: Evaluation) -> list[str]:
    """A row per setting: HD95 in mm with the number of undefined ones, and how much too large WT is drawn."""
    head = ["sequences", *(f"HD95 {REGION_NAMES[region]} mm (undefined)" for region in OUTERMOST_FIRST)]
    rows = []
    for setting in SETTINGS:
        measured = [evaluation.measure(setting, region, "hd95_mm") for region in OUTERMOST_FIRST]
        cells = [f"{with_interval(distance, '.1f')} ({distance['undefined']})" for distance in measured]
        volume = with_interval(evaluation.measure(setting, "wt", "predicted_minus_true_ml"), "+.1f")
        rows.append([sequences_text(setting), *cells, volume])
    return markdown_table([*head, "WT, predicted minus true ml"], rows)


def teacher_gap_table(evaluation: Evaluation) -> list[str]:
    """A row per student: its Dice minus the teacher's on the same subjects."""
    head = ["sequences", *REGION_NAMES.values(), "p (mean)"]
    rows = []
    for setting in LIMITED:
        differences = {region: evaluation.minus_teacher(setting, region) for region in REGION_NAMES}
        cells = [difference_text(difference) for difference in differences.values()]
        rows.append([sequences_text(setting), *cells, number(differences["mean"]["wilcoxon_p"], "#.2g")])
    return markdown_table(head, rows)


def aim_table(evaluation: Evaluation) -> list[str]:
    """Asked beside measured, a row per aim and region."""
    rows = []
    showcase = sequences_text(SHOWCASE)
    for what, asked, measured_of, form in (
        ("teacher, all four sequences", AIM_OF_TEACHER, lambda region: evaluation.measure(TEACHER, region), ".3f"),
        (
            f"{showcase} minus teacher",
            dict.fromkeys(OUTERMOST_FIRST, AIM_OF_SHOWCASE),
            lambda region: evaluation.minus_teacher(SHOWCASE, region),
            "+.3f",
        ),
        ("mean of the 14 limited", AIM_OF_LIMITED, lambda region: evaluation.mean_over(LIMITED, region), ".3f"),
    ):
        for region in OUTERMOST_FIRST:
            measured = measured_of(region)
            gap = measured["mean"] - asked[region]
            met = "yes" if round(gap, 9) >= 0 else "**no**"
            asked_text = f"at least {number(asked[region], form.replace('3', '2'))}"
            rows.append(
                [what, REGION_NAMES[region], asked_text, with_interval(measured, form), number(gap, "+.3f"), met]
            )
    return markdown_table(["what", "region", "asked", "measured", "measured minus asked", "met"], rows)

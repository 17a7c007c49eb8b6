# SPDX-License-Identifier: Apache-2.0
"""What `scripts.inference.enhancement` does to enhancing tumour: the same networks without and with it, from stored results."""

from collections.abc import Mapping

from scripts.report.page import sequences_text
from scripts.research.accuracy.cases import SETTINGS, Evaluation
from scripts.research.accuracy.tables import difference_text
from scripts.research.markdown import markdown_table, number

HEAD = (
    "sequences",
    "Dice ET without",
    "with",
    "difference",
    "drawn without any, before",
    "after",
    "lost where there is",
)


def enhancement_table(without: Evaluation, required: Evaluation) -> list[str]:
    """A row per setting with T1ce.

    Args:
        without: the networks as they are.
        required: the same on the same subjects, with ET only where it enhances.
    """
    rows = []
    absent = f" of {without.subjects - without.with_et}"
    for setting in (name for name in SETTINGS if "t1ce" in name.split("+")):
        before, after = (number(e.measure(setting, "et")["mean"], ".3f") for e in (without, required))
        gain = difference_text(required.minus(without, setting, "et"))
        lost = required.missed_et(setting) - without.missed_et(setting)
        drawn = [f"{e.false_et(setting)}{absent}" for e in (without, required)]
        rows.append([sequences_text(setting), before, after, gain, *drawn, f"{lost} of {without.with_et}"])
    return markdown_table(list(HEAD), rows)


def enhancement_section(pairs: Mapping[str, tuple[Evaluation, Evaluation]], least: float) -> list[str]:
    """The lines of the page's section; none without anything measured.

    Args:
        pairs: heading, with the evaluations without and with the rule.
        least: ``et_least_contrast`` of configs/inference.json.
    """
    if not pairs:
        return []
    lines = [
        "## Does enhancing tumour enhance?",
        "",
        "The networks draw a rim around cores that do not enhance, too. So `inference` and `evaluating` turn a "
        f"subject's ET into core where its mean on T1ce is less than {least:g} of the oedema's standard deviations "
        "above the oedema's (`et_least_contrast`; networks without T1ce are left as they are). **All other tables are "
        "of the networks without this.** The limit was set while looking at the subjects of these two tables, so both "
        "are optimistic; the price is faint enhancement, which is lost. A gain in a subject without ET is one from 0 "
        "to 1: how much it is elsewhere depends on how many of them there are (23 of 354 in BraTS 2020).",
        "",
    ]
    for heading, (without, required) in pairs.items():
        lines += [f"### {heading}", "", *enhancement_table(without, required), ""]
    return lines

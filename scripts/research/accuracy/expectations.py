# SPDX-License-Identifier: Apache-2.0
"""What to expect of each subset of the sequences: what it shows of a glioma, beside what was measured."""

from collections.abc import Mapping

from scripts.common.titles import sequences_text
from scripts.research.accuracy.evaluation import SUBSETS, Evaluation
from scripts.research.markdown import DASH, markdown_table, number

# Least mean Dice of each word; below all of them `UNRELIABLE`. Our choice, no clinical standard.
VERDICTS = ((0.8, "good"), (0.6, "fair"), (0.4, "poor"))
UNRELIABLE = "not to be relied on"


def visible(subset: str) -> tuple[list[str], list[str]]:
    """What a subset such as ``t1ce+flair`` shows of whole tumour, core and enhancing tumour, and what it hardly shows.

    The rules are general knowledge of MR contrast: oedema is bright on T2 and FLAIR, fluid on T2 alone; what is
    brighter on T1ce than on T1 enhances.
    """
    names = subset.split("+")
    t1, t1ce, t2, flair = (name in names for name in ("t1", "t1ce", "t2", "flair"))
    shown, hidden = [], []
    if flair:
        shown.append("WT: oedema is bright and fluid dark")
    elif t2:
        shown.append("WT: oedema is bright")
        hidden.append("where WT ends at ventricles and sulci, since fluid is as bright as oedema")
    else:
        hidden.append("oedema, hardly darker than white matter: WT is easily drawn too small")
    if t1ce:
        shown.append("TC: as far as its rim enhances")
        unlike = "much like oedema" if t2 or flair else "unless it is dark"
        hidden.append(f"core that does not enhance, {unlike}")
        shown.append("ET: enhancement is bright on T1ce" + (" and not on T1" if t1 else ""))
        if not t1:
            hidden.append("whether what is bright on T1ce enhances or is blood, bright without contrast agent too")
    else:
        if t1:
            shown.append("TC: necrosis and cysts are dark on T1")
        elif t2 and flair:
            shown.append("TC: fluid in necrosis and cysts is bright on T2, darker on FLAIR")
        hidden.append("the border of core and oedema" if t1 or (t2 and flair) else "core in oedema, as both are bright")
        hidden.append("**enhancement, which can hardly be seen without T1ce: ET is a guess from shape and place**")
    return shown, hidden


def verdict(dice: float) -> str:
    """A word for a mean Dice, judged as it is printed, with two digits (`VERDICTS`)."""
    return next((word for least, word in VERDICTS if round(dice, 2) >= least), UNRELIABLE)


def expectation_table(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """A row for each subset, with what was measured in each evaluation."""
    rows = []
    for subset in SUBSETS:
        shown, hidden = visible(subset)
        measured = [_measured(evaluation, subset) for evaluation in evaluations.values()]
        rows.append([sequences_text(subset), "; ".join(shown) or DASH, "; ".join(hidden), *measured])
    return markdown_table(["sequences", "show", "hardly show", *(f"Dice, {name}" for name in evaluations)], rows)


def _measured(evaluation: Evaluation, subset: str) -> str:
    means = {name: evaluation.measure(subset, name.lower())["mean"] for name in ("WT", "TC")}
    parts = [f"{name} {number(mean, '.2f')} {verdict(mean)}" for name, mean in means.items()]
    if evaluation.with_et:
        mean = evaluation.et_where_present(subset)["mean"]
        word = verdict(mean) if "t1ce" in subset.split("+") else "a guess"  # even where it happens to be right
        parts.append(f"ET where there is any {number(mean, '.2f')} {word}")
    if without := evaluation.subjects - evaluation.with_et:
        parts.append(f"ET drawn in {evaluation.false_et(subset)} of {without} without any")
    return "; ".join(parts)

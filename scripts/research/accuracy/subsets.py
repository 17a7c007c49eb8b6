# SPDX-License-Identifier: Apache-2.0
"""What can and cannot be expected of each setting: what its sequences show of a glioma, beside what was measured."""

from scripts.report.page import sequences_text
from scripts.research.accuracy.cases import SETTINGS, Evaluation
from scripts.research.markdown import DASH, markdown_table, number

VERDICTS = ((0.8, "good"), (0.6, "fair"), (0.4, "poor"))
"""From which mean Dice on which word is used; below all, `UNRELIABLE`. Ours, and no clinical standard."""
UNRELIABLE = "not to be relied on"


def visible(setting: str) -> tuple[list[str], list[str]]:
    """What the sequences of a setting show of whole tumour, core and enhancing tumour, and what they hardly show.

    The rules are general knowledge of MR contrast: oedema is bright on T2 and FLAIR, fluid on T2 alone; enhancement is
    what is brighter on T1ce than on T1.

    Args:
        setting: such as ``t1ce+flair``.
    """
    names = setting.split("+")
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
        hidden.append(
            "core that does not enhance, much like oedema"
            if t2 or flair
            else "core that does not enhance, unless it is dark"
        )
    else:
        if t1:
            shown.append("TC: necrosis and cysts are dark on T1")
        elif t2 and flair:
            shown.append("TC: fluid in necrosis and cysts is bright on T2, darker on FLAIR")
        hidden.append("the border of core and oedema" if t1 or (t2 and flair) else "core in oedema, as both are bright")
    if t1ce:
        shown.append("ET: enhancement is bright on T1ce" + (" and not on T1" if t1 else ""))
        if not t1:
            hidden.append("whether what is bright on T1ce enhances or is blood, bright without contrast agent too")
    else:
        hidden.append("**enhancement, which can hardly be seen without T1ce: ET is a guess from shape and place**")
    return shown, hidden


def verdict(dice: float) -> str:
    """A word for a mean Dice (`VERDICTS`)."""
    return next((word for least, word in VERDICTS if dice >= least), UNRELIABLE)


def _measured(evaluation: Evaluation, setting: str) -> str:
    means = {name: evaluation.measure(setting, name.lower())["mean"] for name in ("WT", "TC")}
    parts = [f"{name} {number(mean, '.2f')} {verdict(mean)}" for name, mean in means.items()]
    if evaluation.with_et:
        mean = evaluation.et_where_present(setting)["mean"]
        # a guess that happens to be right stays a guess
        word = verdict(mean) if "t1ce" in setting.split("+") else "a guess"
        parts.append(f"ET where there is any {number(mean, '.2f')} {word}")
    if without := evaluation.subjects - evaluation.with_et:
        parts.append(f"ET drawn in {evaluation.false_et(setting)} of {without} without any")
    return "; ".join(parts)


def expectations(evaluation: Evaluation) -> list[str]:
    """The table: a row per setting."""
    rows = []
    for setting in SETTINGS:
        shown, hidden = visible(setting)
        rows.append(
            [sequences_text(setting), "; ".join(shown) or DASH, "; ".join(hidden), _measured(evaluation, setting)]
        )
    return markdown_table(["sequences", "show", "hardly show", "Dice measured"], rows)

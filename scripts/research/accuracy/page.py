# SPDX-License-Identifier: Apache-2.0
"""The text of the accuracy page and of the model card's part, around their tables."""

from collections.abc import Mapping

from scripts.research.accuracy.cases import Evaluation
from scripts.research.accuracy.flags import flag_table
from scripts.research.accuracy.peers import difference_table, peer_tables
from scripts.research.accuracy.subsets import UNRELIABLE, VERDICTS, expectations
from scripts.research.accuracy.tables import aim_table, dice_table, distance_table, overview_table, teacher_gap_table

_READING = """\
- Dice is a mean over subjects, in brackets with its 95% percentile-bootstrap interval over them; "mean" is a subject's
  mean Dice of WT, TC and ET. Measured in each scan's own grid, whole, with no post-processing but in the tables that
  say so.
- A region that is empty in truth and prediction counts as 1, in one of them as 0. HD95 is undefined then: such subjects
  are left out and counted, in brackets.
- "ET without tiny" empties a predicted ET below 0.5 ml altogether, as RFNet and DeMoSeg do.
- Each network was trained once, with one seed: what another training would give is not in the intervals."""
TITLES = {
    "simulated": "Held-out simulated subjects",
    "real_kfold": "Real subjects, by cross-validation",
    "real_unseen_training": "Real subjects, before any was trained on",
    "real_seen": "Real subjects that the shipped weights have been trained on: no evidence for other scans",
}


def shown(simulated: Evaluation, real: Evaluation) -> list[str]:
    """The lines of the overview and of what to expect of each setting, which page and model card share."""
    words = ", ".join(f"{word} from {least:g}" for least, word in VERDICTS)
    without = real.subjects - real.with_et
    told = (
        f"{without} of the {real.subjects} real subjects have no enhancing tumour: there ET is 0 if any is predicted, "
        "however little, and 1 if none is."
    )
    return [
        f"Dice on **{simulated.subjects} held-out simulated subjects** by the shipped networks, and on "
        f"**{real.subjects} real subjects** of BraTS 2021 by cross-validation: by networks trained like the shipped "
        "ones, each measured on subjects that it was not trained on. The shipped networks themselves have been trained "
        "on these real subjects, and the simulation was set up while looking at them: expect less of scans from "
        "elsewhere. In brackets 95% intervals over subjects.",
        "",
        *overview_table({"simulated": simulated, "real": real}),
        "",
        *([told, ""] if without else []),
        "**What can and cannot be expected.** Expect no more than both allow: what the sequences show of a glioma, "
        f"and what was measured on the real subjects by cross-validation (in words {words}, else {UNRELIABLE}; ours, "
        "and no clinical standard). No medical device: an expert must check every outline.",
        "",
        *expectations(real),
    ]


def _flags(limits: Mapping) -> list[str]:
    low, high = limits["wt_range_ml"]
    return [
        "## Do the flags find bad segmentations?",
        "",
        "Inference marks a subject without any whole tumour (WT), with one outside of "
        f"{low:g} to {high:g} ml, or with a mean entropy inside it above {limits['max_entropy']:g} bits. Of the "
        "segmentations of all fifteen networks, by their true Dice, it would have marked these. The limit of entropy "
        "was set while looking at this table.",
        "",
    ]


def accuracy_page(
    evaluations: Mapping[str, Evaluation], peers: list[dict], limits: Mapping, enhancement: list[str]
) -> str:
    """The whole page.

    Args:
        enhancement: lines of `scripts.research.accuracy.enhancement.enhancement_section`.
        limits: those of the flags, see `scripts.research.accuracy.flags.flag_table`.
        evaluations: by the names of `TITLES`; "simulated" and "real_kfold" must be there.
        peers: of `scripts.research.accuracy.peers.read_peers`.
    """
    simulated, real = evaluations["simulated"], evaluations["real_kfold"]
    lines = [
        "# Accuracy",
        "",
        "*No medical device; not for diagnosis or treatment.* How the networks were trained: [model card](README.md).",
        "",
        "## Overview",
        "",
        *shown(simulated, real),
        "",
        "## How to read the tables",
        "",
        _READING,
        "",
        "## Asked and measured",
        "",
        "What this project asked of itself, beside the real subjects by cross-validation. It is met or not by the "
        "mean; the interval says how sure that is.",
        "",
        *aim_table(real),
        "",
        "## Beside what was published",
        "",
        "Dice in per cent. **Not comparable as they stand**: other subjects, other numbers of them, other rules. Means "
        "over settings are those of the rows above them.",
        "",
        *difference_table(simulated, real, peers),
        "",
        *peer_tables(simulated, real, peers),
        "## Students minus teacher",
        "",
        "Dice of each student minus that of the teacher on the same subjects; **bold** where the interval excludes "
        "zero. p is Wilcoxon's signed rank test of the mean Dice, two-sided. Nothing is corrected for the number of "
        "comparisons.",
        "",
    ]
    for name in ("simulated", "real_kfold"):
        lines += [f"### {TITLES[name]}", "", *teacher_gap_table(evaluations[name]), ""]
    lines += enhancement
    measured_on = {"real, by cross-validation": real, "simulated": simulated}
    lines += [*_flags(limits), *flag_table(measured_on, limits), "", "## Details", ""]
    for name, title in TITLES.items():
        if one := evaluations.get(name):
            told = f"{one.subjects} subjects, {one.with_et} of them with enhancing tumour (`{name}.csv`)."
            lines += [f"### {title}", "", told, "", *dice_table(one), "", *distance_table(one), ""]
    return "\n".join([*lines, "---", "", "Made from docs/results by `python -m scripts.research.accuracy`."]) + "\n"

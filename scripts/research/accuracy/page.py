# SPDX-License-Identifier: Apache-2.0
"""The text around the tables of the accuracy page and of the model card."""

from collections.abc import Mapping

from scripts.research.accuracy.evaluation import Evaluation
from scripts.research.accuracy.expectations import UNRELIABLE, VERDICTS, expectation_table
from scripts.research.accuracy.peers import difference_table, peer_tables
from scripts.research.accuracy.tables import (
    aim_table,
    dice_table,
    distance_table,
    enhancement_table,
    flag_table,
    overview_table,
    teacher_gap_table,
)

READING = """\
- Dice is a mean over subjects, in brackets with its 95% percentile-bootstrap interval over them; "mean" is a subject's
  mean Dice of WT, TC and ET. It is measured in each scan's own grid, whole, without post-processing except where a
  table says so.
- A region that is empty in truth and prediction counts as 1, in one of them as 0. HD95 is undefined then: such subjects
  are left out and counted in brackets.
- "ET without tiny" removes a predicted ET below 0.5 ml altogether, as RFNet and DeMoSeg do.
- Each network was trained once, with one seed: the intervals do not include differences between trainings."""
# Heading of each stored evaluation.
TITLES = {
    "simulated": "Held-out simulated subjects",
    "real_kfold": "Real subjects, by cross-validation",
    "real_unseen_training": "Real subjects, before any was trained on",
    "real_seen": "Real subjects that the shipped weights have been trained on: no evidence for other scans",
}
# Heading of each evaluation that may also be stored with the rule of enhancement, as ``<name>_enhancing``.
ENHANCING = {
    "simulated": "Held-out simulated subjects",
    "real_seen": "Real subjects that the networks have been trained on",
}


def card_tables(simulated: Evaluation, real: Evaluation) -> list[str]:
    """The lines of the model card: Dice of each subset, and what to expect of it."""
    words = ", ".join(f"{word} from {least:g}" for least, word in VERDICTS)
    without = real.subjects - real.with_et
    empty = (
        f"{without} of the {real.subjects} real subjects have no enhancing tumour: there Dice of ET is 0 if any is "
        "predicted, however little, and 1 if none is."
    )
    return [
        f"Dice on **{simulated.subjects} held-out simulated subjects** by the shipped networks, and on "
        f"**{real.subjects} real subjects** of BraTS 2021 by cross-validation: networks trained like the shipped ones, "
        "each measured on subjects that it was not trained on. The shipped networks themselves have been trained on "
        "these real subjects, and the simulation was set up while looking at them: expect less of other scans. In "
        "brackets 95% intervals over subjects.",
        "",
        *overview_table({"simulated": simulated, "real": real}),
        "",
        *([empty, ""] if without else []),
        "**What can and cannot be expected.** What the sequences show of a glioma, beside what was measured on the "
        f"real subjects by cross-validation. In words: {words}, else {UNRELIABLE} (our choice, no clinical standard). "
        "No medical device: an expert must check every outline.",
        "",
        *expectation_table(real),
    ]


def accuracy_page(
    evaluations: Mapping[str, Evaluation], peers: list[dict], flag_limits: Mapping, least_contrast: float
) -> str:
    """The whole page.

    Args:
        evaluations: by the names of `TITLES` and, with the rule of enhancement, ``<name>_enhancing`` of `ENHANCING`;
            "simulated" and "real_kfold" are needed.
        peers: of `scripts.research.accuracy.peers.read_peers`.
        flag_limits: ``wt_range_ml`` and ``max_entropy`` of inference.
        least_contrast: ``et_least_contrast`` with which the rule was measured.
    """
    simulated, real = evaluations["simulated"], evaluations["real_kfold"]
    lines = [
        "# Accuracy",
        "",
        "*No medical device; not for diagnosis or treatment.* An overview, what to expect of each choice of sequences, "
        "and how the networks were trained: [model card](README.md#performance).",
        "",
        "## How to read the tables",
        "",
        READING,
        "",
        "## Asked and measured",
        "",
        "The aims of this project beside the real subjects by cross-validation. An aim is met or not by the mean; the "
        "interval says how sure that is.",
        "",
        *aim_table(real),
        "",
        "## Beside what was published",
        "",
        "Dice in per cent. **Not directly comparable**: other subjects, other numbers of them, other rules.",
        "",
        *difference_table(simulated, real, peers),
        "",
        *peer_tables(simulated, real, peers),
        "## Students minus teacher",
        "",
        "Dice of each student minus that of the teacher on the same subjects; **bold** where the interval excludes "
        "zero. p is Wilcoxon's signed rank test of the mean Dice, two-sided, not corrected for the number of "
        "comparisons.",
        "",
    ]
    for name in ("simulated", "real_kfold"):
        lines += [f"### {TITLES[name]}", "", *teacher_gap_table(evaluations[name]), ""]
    lines += _enhancement(evaluations, least_contrast)
    low, high = flag_limits["wt_range_ml"]
    lines += [
        "## Do the flags find bad segmentations?",
        "",
        f"Inference flags a subject without any whole tumour (WT), with one outside {low:g} to {high:g} ml, or with a "
        f"mean entropy inside it above {flag_limits['max_entropy']:g} bits. It would have flagged these of the "
        "segmentations of all 15 networks, by their true Dice. The entropy limit was set while looking at this table.",
        "",
        *flag_table({"real, by cross-validation": real, "simulated": simulated}, flag_limits),
        "",
        "## Details",
        "",
    ]
    for name, title in TITLES.items():
        if one := evaluations.get(name):
            size = f"{one.subjects} subjects, {one.with_et} of them with enhancing tumour (`{name}.csv`)."
            lines += [f"### {title}", "", size, "", *dice_table(one), "", *distance_table(one), ""]
    return "\n".join([*lines, "---", "", "Made from docs/results by `python -m scripts.research.accuracy`."]) + "\n"


def _enhancement(evaluations: Mapping[str, Evaluation], least_contrast: float) -> list[str]:
    """The section about the rule of enhancement; empty where it was not evaluated."""
    pairs = {
        title: (evaluations[name], evaluations[f"{name}_enhancing"])
        for name, title in ENHANCING.items()
        if f"{name}_enhancing" in evaluations
    }
    if not pairs:
        return []
    lines = [
        "## Does enhancing tumour enhance?",
        "",
        "The networks also draw a rim around cores that do not enhance. A rule can turn a subject's ET into core where "
        f"its mean on T1ce is less than {least_contrast:g} of the oedema's standard deviations above the oedema's mean "
        f"(`--et_least_contrast {least_contrast:g}`; networks without T1ce are not changed). **The rule is off by "
        "default, and all other tables are without it.** Its limit was set while looking at the subjects of these two "
        "tables, so both are too optimistic. On 25 other real subjects, measured outside this repository, the rule "
        "cost .09 (adult glioma) to .13 (BraTS-Africa) of the mean Dice of ET, since it removes faint enhancement.",
        "",
    ]
    for title, (without, with_rule) in pairs.items():
        lines += [f"### {title}", "", *enhancement_table(without, with_rule), ""]
    return lines

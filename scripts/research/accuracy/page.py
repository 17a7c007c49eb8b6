# SPDX-License-Identifier: Apache-2.0
"""The text around the tables of the accuracy page and of the model card."""

from collections.abc import Mapping

import pandas as pd
from scripts.research.accuracy.entropy_limit import limit_sentences
from scripts.research.accuracy.evaluation import COLLECTIONS, Evaluation
from scripts.research.accuracy.expectations import UNRELIABLE, VERDICTS, expectation_table
from scripts.research.accuracy.peers import difference_table, peer_tables
from scripts.research.accuracy.tables import (
    aim_table,
    dice_table,
    distance_table,
    flag_table,
    overview_table,
    teacher_gap_table,
)

READING = """\
- GLI is adult glioma, SSA is BraTS-Africa.
- Dice is a mean over subjects, in brackets with its 95% percentile-bootstrap interval. Intervals and tests are over
  patients: the scans of one patient are drawn together. "Mean" is a subject's mean Dice of WT, TC and ET. Dice is
  measured in each scan's own grid, whole, without post-processing (`et_by_contrast false`) except where a table says so.
- A region that is empty in truth and prediction counts as 1, in one of them as 0. HD95 is undefined then: such subjects
  are left out and counted in brackets.
- "ET without tiny" leaves out a predicted ET below 0.5 ml (500 voxels of 1 mm): the rule in RFNet's code and of DeMoSeg.
  Whether RFNet's published table has it is not stated.
- The real subjects are measured by networks that were not trained on them ([research.md](research.md#run-so-far)). On the
  13 of fold 1 the length of the shipped networks' training was chosen, so their figures are a little optimistic. The 14 of
  fold 0 are measured with networks of the plan before, with a shorter training of teacher and students. On fold 1 it was
  .010 (GLI) and .019 (SSA) below the present one, in the mean of the 14 limited choices of sequences. The 11 of fold 2 had
  no part in any choice of the networks' training.
- Each network was trained once: the intervals do not include differences between trainings.
- With few patients these intervals are too narrow. Of normal numbers, 95% intervals miss the true mean in 20% of cases
  with 4 patients, in 12% with 8, in 10% with 10 and in 7% with 27. So nothing is bold with fewer than 8."""
# What each evaluation is.
TITLES = {
    "GLI": "Adult glioma (GLI), by cross-validation",
    "SSA": "BraTS-Africa (SSA), by cross-validation",
    "simulated": "Held-out simulated subjects, by the shipped networks",
}


def card_tables(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """The lines of the model card: Dice of each subset, and what to expect of it."""
    words = ", ".join(f"{word} from {least:g}" for least, word in VERDICTS)
    return [
        f"Dice on real subjects by cross-validation: adult glioma (GLI), **{evaluations['GLI'].size}**, and "
        f"BraTS-Africa (SSA), **{evaluations['SSA'].size}**. The networks were trained like the shipped ones, those of "
        "fold 0 (14 subjects) for a shorter time, but without the subjects that they are measured on. The shipped networks "
        "have been trained on all of them ([research.md](research.md#run-so-far)). In brackets 95% intervals over patients.",
        "",
        *overview_table(_real(evaluations)),
        "",
        f"Dice of the shipped networks on **{evaluations['simulated'].subjects} held-out simulated subjects**:",
        "",
        *overview_table({"simulated": evaluations["simulated"]}),
        "",
        "**What can and cannot be expected.** What the sequences show of a glioma, beside what was measured on the "
        f"real subjects by cross-validation. In words, by the value as printed: {words}, else {UNRELIABLE} (our choice, "
        "no clinical standard). "
        "ET without T1ce is always called a guess. No medical device: an expert must check every outline.",
        "",
        *expectation_table(_real(evaluations)),
    ]


def accuracy_page(evaluations: Mapping[str, Evaluation], peers: list[dict], flag_limits: Mapping) -> str:
    """The whole page.

    Args:
        evaluations: by the names of `TITLES`.
        peers: of `scripts.research.accuracy.peers.read_peers`.
        flag_limits: ``wt_range_ml`` and ``max_entropy`` of inference.
    """
    real = _real(evaluations)
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
        *difference_table(real, peers),
        "",
        *peer_tables(real, peers),
        "## Students minus teacher",
        "",
        "Dice of each student minus that of the teacher on the same subjects; **bold** where the interval excludes "
        "zero. p is Wilcoxon's signed rank test of the mean Dice, two-sided, not corrected for the number of "
        "comparisons.",
        "",
    ]
    for name in TITLES:
        lines += [f"### {TITLES[name]}", "", *teacher_gap_table(evaluations[name]), ""]
    low, high = flag_limits["wt_range_ml"]
    wt = pd.concat([evaluation.cases for evaluation in real.values()], ignore_index=True)
    lines += [
        "## Do the flags find bad segmentations?",
        "",
        f"Inference flags a subject without any whole tumour (WT), with one outside {low:g} to {high:g} ml, or with a "
        f"mean entropy inside it above {flag_limits['max_entropy']:g} bits. It would have flagged these of the "
        "segmentations of all 15 networks, by their true Dice. The entropy limit was set on eleven other subjects.",
        "",
        *flag_table(evaluations, flag_limits),
        "",
        *limit_sentences(wt[wt.region == "wt"], flag_limits["max_entropy"]),
        "## Details",
        "",
    ]
    for name, title in TITLES.items():
        one = evaluations[name]
        sources = f" ({one.sources})" if one.sources else ""
        size = f"{one.size}{sources}. {one.with_et} subjects have enhancing tumour."
        lines += [f"### {title}", "", size, "", *dice_table(one), "", *distance_table(one), ""]
    return "\n".join([*lines, "---", "", "Made from docs/results by `python -m scripts.research.accuracy`."]) + "\n"


def _real(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """The real subjects, by collection."""
    return {name: evaluations[name] for name in COLLECTIONS}

# SPDX-License-Identifier: Apache-2.0
"""How many bad and how many good segmentations the flags of inference would have marked, from stored cases."""

import json
from collections.abc import Mapping

import pandas as pd

from scripts.common.files import ROOT
from scripts.evaluation.summary import ENTROPY
from scripts.inference.segmentation_record import RecordSegmentationd
from scripts.research.accuracy.cases import Evaluation
from scripts.research.markdown import DASH, markdown_table

BANDS = (0.0, 0.4, 0.6, 0.8)
"""Lower ends of the bands of whole tumour Dice."""


def shipped(*keys: str) -> dict:
    """These keys of configs/inference.json with their values."""
    config = json.loads((ROOT / "configs" / "inference.json").read_text(encoding="utf-8"))
    return {key: config[key] for key in keys}


def flagged(cases: pd.DataFrame, limits: Mapping) -> pd.Series:
    """Whether inference without mirroring would flag each row of WT in a table of `scripts.evaluation.summary.read_cases`.

    Args:
        cases: rows of the whole tumour alone.
        limits: arguments of `scripts.inference.segmentation_record.RecordSegmentationd`.
    """
    record = RecordSegmentationd([], **limits)

    def marked(case: pd.Series) -> bool:
        entropy = None if pd.isna(case[ENTROPY]) else case[ENTROPY]
        quality = {"entropy_bits": entropy, "mirror_disagreement": None}
        return bool(record.flags({"wt": case.predicted_ml}, quality))

    return cases.apply(marked, axis=1).astype(bool)


def flag_table(evaluations: Mapping[str, Evaluation], limits: Mapping) -> list[str]:
    """A row per evaluation: how many of the segmentations in each band of WT Dice are flagged, all settings together;
    dashes where the entropy was not kept.

    Args:
        evaluations: what each is called in the first column.
        limits: see `flagged`.
    """
    ends = [*BANDS[1:], None]
    head = [f"WT Dice from {low:g} to {high:g}" if high else f"from {low:g}" for low, high in zip(BANDS, ends)]
    rows = []
    for name, evaluation in evaluations.items():
        wt = evaluation.cases[evaluation.cases.region == "wt"]
        if wt[ENTROPY].isna()[wt.predicted_ml > 0].any():  # measured before the entropy was kept
            rows.append([name, *[DASH] * len(BANDS)])
            continue
        marked, cells = flagged(wt, limits), []
        for low, high in zip(BANDS, ends):
            of_band = marked[(wt.dice >= low) & (wt.dice < (high or 2))]
            cells.append(f"{of_band.sum()} of {len(of_band)}" if len(of_band) else DASH)
        rows.append([name, *cells])
    return markdown_table(["flagged", *head], rows)

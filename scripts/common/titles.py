# SPDX-License-Identifier: Apache-2.0
"""What regions and sequences are called in reports, figures and pages, and in which order regions are shown."""

from collections.abc import Iterable

REGION_TITLES = {"wt": "whole tumour", "tc": "tumour core", "et": "enhancing tumour"}
OUTERMOST_FIRST = tuple(REGION_TITLES)
SEQUENCE_TITLES = {"t1ce": "T1ce", "flair": "FLAIR", "t2": "T2", "t1": "T1"}


def sequences_text(sequences: Iterable[str] | str) -> str:
    """``T1ce + FLAIR`` for names or for ``t1ce+flair``."""
    names = sequences.split("+") if isinstance(sequences, str) else sequences
    return " + ".join(SEQUENCE_TITLES.get(name, name) for name in names)

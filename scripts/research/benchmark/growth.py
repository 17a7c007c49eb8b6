# SPDX-License-Identifier: Apache-2.0
"""How time and memory of batch inference grow with the number of subjects."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark.batch import FILES
from scripts.research.benchmark.process import Watched, inference_command, watch
from scripts.research.benchmark.start import LIMIT_MEMORY
from scripts.research.benchmark.subjects import label_map_of, linked_subjects, networks_for, size_of
from scripts.research.benchmark.table import Row

COUNTS = (1, 4, 16, 64)
LIMIT_DEVIATION, LIMIT_GROWTH = 0.15, 1.10
FULL = 4
"""From so many subjects on, as many as ever are held at once: loading, waiting, computed, drawn."""


def growth_rows(
    item: Mapping, folder: Path, threads: int, overrides: dict | None = None, counts: tuple[int, ...] = COUNTS
) -> list[Row]:
    """Run the batch workflow, each time in a fresh process, over more and more links of one subject.

    Args:
        item: datalist item with all sequences.
        folder: for links and results.
        threads: of torch.
        overrides: other values of the configs' keys.
        counts: of subjects, ascending.
    """
    ckpt_dir, weights = networks_for(folder / "networks", SEQUENCES, overrides)
    keys = {"ckpt_dir": ckpt_dir} | (overrides or {})
    watched = {}
    for count in (counts[0], *counts):  # the first only to warm up the system's file cache
        name = f"{count}" if count not in watched else f"{count} again"
        scans = linked_subjects(item, folder / "scans" / name, count)
        output_dir = folder / "results" / name
        command = inference_command(FILES, keys | {"dataset_dir": scans, "output_dir": str(output_dir)})
        watched[count] = watch(command, label_map_of(output_dir, count - 1), threads)
    return rows_of(watched, f"{size_of(item)}, {len(SEQUENCES)} sequences ({weights})")


def rows_of(watched: Mapping[int, Watched], subject: str) -> list[Row]:
    """The rows of each number of subjects, and what they say of growth."""
    rows = []
    for count, run in watched.items():
        what = f"batch of {count}, fresh process from start to end" + (f", subjects of {subject}" if not rows else "")
        rows.append(Row(what, run.seconds, "{:.1f} s", detail=f"peak {run.peak:.2f} GiB"))
    start, each, deviation = line({count: run.seconds for count, run in watched.items()})
    full = min((count for count in watched if count >= FULL), default=min(watched))
    most = max(watched)
    return [
        *rows,
        Row(f"fitted to these: {start:.1f} s to start, and a subject", each, "{:.2f} s"),
        Row("largest deviation of one of these times from that line", deviation, "{:.1%}", LIMIT_DEVIATION),
        Row(
            f"peak memory of {most} subjects / of {full}, from where on the pipeline is full",
            watched[most].peak / watched[full].peak,
            "{:.2f}",
            LIMIT_GROWTH,
        ),
        Row(f"peak memory of {most} subjects", watched[most].peak, "{:.2f} GiB", LIMIT_MEMORY),
    ]


def line(seconds: Mapping[int, float]) -> tuple[float, float, float]:
    """Least squares of the relative errors: seconds = start + each x count.

    Args:
        seconds: by count, of at least two.

    Returns:
        start and each in seconds, and the largest relative deviation of one of the times from the line.
    """
    counts, times = np.array(list(seconds), dtype=float), np.array(list(seconds.values()))
    each, start = np.polyfit(counts, times, 1, w=1 / times)
    deviation = np.abs(start + each * counts - times) / times
    return float(start), float(each), float(deviation.max())

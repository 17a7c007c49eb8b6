# SPDX-License-Identifier: Apache-2.0
"""From the command line in a fresh process to the first label map on disk, and the memory that it takes."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from scripts.common.sequences import ordered
from scripts.research.benchmark.process import inference_command, watch
from scripts.research.benchmark.subjects import label_map_of, linked_subjects, networks_for, size_of
from scripts.research.benchmark.table import Row

LIMIT_TIME, LIMIT_MEMORY = 15.0, 3.0
SETTING = ("t1ce", "flair")


def start_rows(item: Mapping, folder: Path, repeats: int, threads: int, overrides: dict | None = None) -> list[Row]:
    """Run ``configs/inference.json`` over one subject in fresh processes, after one to warm up the system's file cache.

    Args:
        item: datalist item with all sequences.
        folder: for links and results.
        repeats: runs to measure.
        threads: of torch.
        overrides: other values of the config's keys.
    """
    ckpt_dir, weights = networks_for(folder / "networks", ordered(SETTING), overrides)
    keys = {"ckpt_dir": ckpt_dir, "dataset_dir": linked_subjects(item, folder / "scans", 1)} | (overrides or {})
    watched = []
    for number in range(1 + repeats):
        output_dir = folder / f"run {number}"
        command = inference_command(["inference.json"], keys | {"output_dir": str(output_dir)})
        watched.append(watch(command, label_map_of(output_dir, 0), threads))
    first = statistics.median(run.first for run in watched[1:])
    return rows_of(first, max(run.peak for run in watched), f"{size_of(item)} ({weights})", repeats)


def rows_of(first: float, peak: float, subject: str, repeats: int) -> list[Row]:
    """The rows of the median seconds to the first result, and the peak memory in GiB."""
    what = f"fresh process, python -m monai.bundle run inference: start until the label map of one subject of {subject}"
    return [
        Row(f"{what} is on disk, median of {repeats}, files in the system's cache", first, "{:.1f} s", LIMIT_TIME),
        Row("peak memory of that process until its end", peak, "{:.2f} GiB", LIMIT_MEMORY),
    ]

# SPDX-License-Identifier: Apache-2.0
"""Inference in a fresh process, as a user starts it: time to the first label map, memory, growth with the subjects."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scripts.common.files import ROOT
from scripts.research.benchmark.subjects import linked_label_map, linked_subjects, size_of
from scripts.research.benchmark.table import Row

START_LIMIT, MEMORY_LIMIT = 15.0, 3.0
COUNTS = (1, 4, 16, 64)
DEVIATION_LIMIT, GROWTH_LIMIT = 0.15, 1.10
# The largest number of subjects in memory at a time: loading, waiting, computed, drawn.
FULL = 4


@dataclass(frozen=True)
class Watched:
    """What `watch` measured.

    Attributes:
        first: seconds from the start until the result was on disk.
        seconds: seconds from the start until the process ended.
        peak: peak memory of the process with its libraries, in GiB.
    """

    first: float
    seconds: float
    peak: float


def start_rows(item: Mapping, folder: Path, repeats: int, threads: int) -> list[Row]:
    """Run ``configs/inference.json`` on one subject, after one run to fill the system's file cache.

    Args:
        item: datalist item with all sequences.
        folder: for links and results.
        repeats: measured runs.
        threads: of torch.
    """
    keys = {"dataset_dir": linked_subjects(item, folder / "scans", 1)}
    runs = []
    for number in range(1 + repeats):
        output_dir = folder / f"run {number}"
        command = inference_command(["inference.json"], keys | {"output_dir": str(output_dir)})
        runs.append(watch(command, linked_label_map(output_dir, 0), threads))
    first = statistics.median(run.first for run in runs[1:])
    what = "fresh process, python -m monai.bundle run inference: start until the label map of one subject of "
    what += f"{size_of(item)} (models/model.pt) is on disk, median of {repeats}, files in the system's cache"
    return [
        Row(what, first, "{:.1f} s", START_LIMIT),
        Row("peak memory of that process", max(run.peak for run in runs), "{:.2f} GiB", MEMORY_LIMIT),
    ]


def growth_rows(item: Mapping, folder: Path, threads: int, counts: tuple[int, ...] = COUNTS) -> list[Row]:
    """Run the batch workflow over more and more links of one subject, each time in a fresh process.

    Args:
        item: datalist item with all sequences.
        folder: for links and results.
        threads: of torch.
        counts: numbers of subjects, ascending.
    """
    watched = {}
    for count in (counts[0], *counts):  # the first only fills the system's file cache
        name = f"{count}" if count not in watched else f"{count} again"
        scans = linked_subjects(item, folder / "scans" / name, count)
        output_dir = folder / "results" / name
        files = ["inference.json", "batch_inference.json"]
        command = inference_command(files, {"dataset_dir": scans, "output_dir": str(output_dir)})
        watched[count] = watch(command, linked_label_map(output_dir, count - 1), threads)
    return rows_of_counts(watched, f"{size_of(item)}, four sequences (models/teacher.pt)")


def rows_of_counts(watched: Mapping[int, Watched], subject: str) -> list[Row]:
    """The rows of each number of subjects, and of the growth."""
    rows = []
    for count, run in watched.items():
        what = f"batch of {count}, fresh process from start to end" + (f", subjects of {subject}" if not rows else "")
        rows.append(Row(what, run.seconds, "{:.1f} s", detail=f"peak {run.peak:.2f} GiB"))
    start, each, deviation = fit_line({count: run.seconds for count, run in watched.items()})
    full = min((count for count in watched if count >= FULL), default=min(watched))
    most = max(watched)
    growth = watched[most].peak / watched[full].peak
    return [
        *rows,
        Row(f"fitted line: {start:.1f} s to start, and for each subject", each, "{:.2f} s"),
        Row("largest deviation of a time from that line", deviation, "{:.1%}", DEVIATION_LIMIT),
        Row(f"peak memory of {most} subjects / of {full}", growth, "{:.2f}", GROWTH_LIMIT),
        Row(f"peak memory of {most} subjects", watched[most].peak, "{:.2f} GiB", MEMORY_LIMIT),
    ]


def fit_line(seconds: Mapping[int, float]) -> tuple[float, float, float]:
    """Least squares of the relative errors: seconds = start + each x count.

    Args:
        seconds: by count, at least two.

    Returns:
        start and each in seconds, and the largest relative deviation of a time from the line.
    """
    counts, times = np.array(list(seconds), dtype=float), np.array(list(seconds.values()))
    each, start = np.polyfit(counts, times, 1, w=1 / times)
    deviation = np.abs(start + each * counts - times) / times
    return float(start), float(each), float(deviation.max())


def inference_command(files: Iterable[str], keys: Mapping[str, object]) -> list[str]:
    """``python -m monai.bundle run inference`` with these files of ``configs/`` and these keys."""
    configs = [str(ROOT / "configs" / file) for file in files]
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file", str(configs)]
    keys = {"bundle_root": str(ROOT), "device": "cpu"} | dict(keys)
    return command + [text for key, value in keys.items() for text in (f"--{key}", str(value))]


def watch(command: list[str], result: Path, threads: int, interval: float = 0.01) -> Watched:
    """Run a command in the bundle's folder and measure it every ``interval`` seconds.

    Args:
        command: program and arguments.
        result: file that the command writes, and that does not exist yet.
        threads: of torch, by ``OMP_NUM_THREADS``.
        interval: in seconds.

    Raises:
        RuntimeError: the command fails, or does not write the file.
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    first, peak = None, 0.0
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                peak = max(peak, peak_memory(process.pid))
                if first is None and result.is_file():
                    first = time.perf_counter() - start
                time.sleep(interval)
        finally:
            process.kill()  # where this program is interrupted
            process.wait()
        seconds = time.perf_counter() - start
        if process.returncode or not result.is_file():
            log.seek(0)
            output = log.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} and this output:\n{output}")
    return Watched(seconds if first is None else first, seconds, peak or _peak_of(resource.RUSAGE_CHILDREN))


def peak_memory(process: int | None = None) -> float:
    """Peak memory in GiB of a process so far (default: this one).

    Read from ``/proc``: what `resource` says on Linux includes the memory of the parent at the start of the process. On
    other systems it is `resource`'s for this process, and 0 for another one.
    """
    status = Path("/proc") / str(process or "self") / "status"
    if not Path("/proc/self/status").is_file():
        return 0.0 if process else _peak_of(resource.RUSAGE_SELF)
    try:
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    except OSError:
        return 0.0
    return int(lines[0].split()[1]) / 2**20 if lines else 0.0


def _peak_of(who: int) -> float:
    peak = resource.getrusage(who).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20

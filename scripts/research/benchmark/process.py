# SPDX-License-Identifier: Apache-2.0
"""A command in a fresh process: when its first result is on disk, when it has ended, and its peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.common.files import ROOT


@dataclass(frozen=True)
class Watched:
    """What `watch` has seen.

    Attributes:
        first: seconds from the start until the result was on disk.
        seconds: from the start until the process had ended.
        peak: memory of the process with its libraries, in GiB.
    """

    first: float
    seconds: float
    peak: float


def inference_command(files: Iterable[str], keys: Mapping[str, object]) -> list[str]:
    """``python -m monai.bundle run inference`` with some of the files in ``configs/``, listed in order, and keys."""
    configs = [str(ROOT / "configs" / file) for file in files]
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file", str(configs)]
    keys = {"bundle_root": str(ROOT), "device": "cpu"} | dict(keys)
    return command + [text for key, value in keys.items() for text in (f"--{key}", str(value))]


def watch(command: list[str], result: Path, threads: int, interval: float = 0.01) -> Watched:
    """Run a command in the bundle's folder and look every ``interval`` seconds.

    Args:
        command: program and arguments.
        result: file that must not be there yet, and that the command writes.
        threads: of torch, by ``OMP_NUM_THREADS``.
        interval: in seconds.

    Raises:
        RuntimeError: if the command fails, or does not write the file.
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    first, peak = None, 0.0
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                peak = max(peak, peak_of(process.pid))
                if first is None and result.is_file():
                    first = time.perf_counter() - start
                time.sleep(interval)
        finally:
            process.kill()  # where this program is interrupted
            process.wait()
        seconds = time.perf_counter() - start
        if process.returncode or not result.is_file():
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} and said:\n{said}")
    return Watched(seconds if first is None else first, seconds, peak)


def peak_of(process: int | str) -> float:
    """Peak memory in GiB of a process so far, by its number or as "self", or what it holds now where no peak is known.

    0 where it has ended.
    """
    status = Path("/proc") / str(process) / "status"
    try:
        if Path("/proc/self/status").is_file():
            lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
            return int(lines[0].split()[1]) / 2**20 if lines else 0.0
        return psutil.Process(None if process == "self" else process).memory_info().rss / 2**30
    except (OSError, psutil.Error):
        return 0.0

# SPDX-License-Identifier: Apache-2.0
"""The benchmark's results as a markdown table, with the machine that they hold for."""

import datetime
import os
import platform
import re
import shlex
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from scripts.training.processor import has_bfloat16

PACKAGES = ("torch", "monai", "pytorch-ignite", "numpy", "nibabel")


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        what: what was measured, under which conditions.
        value: the number.
        form: how the value and its limit are written, e.g. ``"{:.1f} s"``.
        limit: the largest value allowed, in the units of ``value``; None where nothing is asked.
        detail: what the value was computed from.
        at_least: the limit is the smallest value allowed.
    """

    what: str
    value: float
    form: str
    limit: float | None = None
    detail: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Is the value within its limit; None where nothing is asked."""
        if self.limit is None:
            return None
        return bool(self.value >= self.limit if self.at_least else self.value <= self.limit)

    def cells(self) -> tuple[str, str, str, str]:
        """What, measured, asked, met."""
        measured = self.form.format(self.value) + (f" ({self.detail})" if self.detail else "")
        asked = (
            "" if self.limit is None else f"at {'least' if self.at_least else 'most'} {self.form.format(self.limit)}"
        )
        return self.what, measured, asked, {None: "", True: "yes", False: "**no**"}[self.met]


def markdown(rows: list[Row], facts: dict[str, str]) -> str:
    """A page with the table of the rows and, below it, the facts that it depends on, one a line."""
    lines = ["# Benchmark", "", "| what | measured | asked | met |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    lines += ["", *(f"- {name}: {value}" for name, value in facts.items())]
    return "\n".join(lines) + "\n"


def facts(threads: int, seed: int, arguments: list[str]) -> dict[str, str]:
    """Processor, memory, versions, date, seed and command line, for `markdown`.

    Args:
        threads: that torch computes with.
        seed: of the benchmark.
        arguments: the program's, after its name.
    """
    cores = f"{psutil.cpu_count(logical=False)} cores, {psutil.cpu_count()} logical"
    return {
        "processor": f"{_processor()}, {cores}, {'with' if has_bfloat16('cpu') else 'without'} bfloat16 instructions",
        "threads of torch": str(threads),
        "load average before": " ".join(f"{load:.1f}" for load in os.getloadavg()) + " (1, 5, 15 min)",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
        "seed": str(seed),
        "command": f"`{shlex.join(['python', '-m', 'scripts.research.benchmark', *arguments])}`",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()

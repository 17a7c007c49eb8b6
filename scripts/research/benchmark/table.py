# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark's table, and the machine that they hold for."""

import datetime
import os
import platform
import re
import shlex
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from scripts.research.markdown import markdown_table
from scripts.training.processor import has_bfloat16

PACKAGES = ("torch", "monai", "pytorch-ignite", "numpy", "nibabel")


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        what: what was measured, under which conditions.
        value: the number.
        form: format of the value and its limit, such as ``"{:.1f} s"``.
        limit: the largest value allowed, in the units of ``value``; None without a limit.
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
        """Whether the value is within its limit; None without a limit."""
        if self.limit is None:
            return None
        return bool(self.value >= self.limit if self.at_least else self.value <= self.limit)

    def cells(self) -> list[str]:
        """What, measured, asked, met."""
        measured = self.form.format(self.value) + (f" ({self.detail})" if self.detail else "")
        bound = "least" if self.at_least else "most"
        asked = "" if self.limit is None else f"at {bound} {self.form.format(self.limit)}"
        return [self.what, measured, asked, {None: "", True: "yes", False: "**no**"}[self.met]]


def page_lines(rows: list[Row], facts: dict[str, str]) -> list[str]:
    """The lines of a table of the rows, and below it the facts."""
    table = markdown_table(["what", "measured", "asked", "met"], [row.cells() for row in rows])
    return [*table, "", *(f"- {name}: {value}" for name, value in facts.items())]


def facts(threads: int, seed: int, arguments: list[str]) -> dict[str, str]:
    """Processor, memory, versions, date, seed and command.

    Args:
        threads: of torch.
        seed: of the benchmark.
        arguments: of the command line.
    """
    bfloat16 = f"{'with' if has_bfloat16('cpu') else 'without'} bfloat16 instructions"
    return {
        "processor": f"{_processor()}, {os.cpu_count()} logical cores, {bfloat16}",
        "threads of torch": str(threads),
        "load average before": " ".join(f"{load:.1f}" for load in os.getloadavg()) + " (1, 5, 15 min)",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
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

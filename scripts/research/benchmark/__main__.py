# SPDX-License-Identifier: Apache-2.0
"""Measure time and memory on this machine's processor: ``python -m scripts.research.benchmark``.

``--only step,inference --scans ../shared/data/brats2021 --page docs/benchmark.md`` measures two parts on a real subject
and writes the table into the page.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from scripts.common.errors import install_error_hook
from scripts.research.benchmark.inference import REFERENCE_WINDOW, batch_rows, inference_rows
from scripts.research.benchmark.processes import growth_rows, start_rows
from scripts.research.benchmark.steps import step_rows
from scripts.research.benchmark.subjects import one_subject
from scripts.research.benchmark.table import facts, page_lines
from scripts.research.markdown import fill_between_markers

COMMAND = "scripts.research.benchmark"
PARTS = ("step", "inference", "start", "batch", "growth")
# for a trial of the benchmark itself
QUICK_SPACING, QUICK_WINDOW = 4.0, (64, 64, 40)
QUICK_TRAINING = {"filters": [4, 8, 16], "spacing": 4.0, "patch_size": [32, 32, 32]}


def benchmark(
    scans: str | None, parts: tuple[str, ...], repeats: int, threads: int, seed: int, quick: bool, arguments: list[str]
) -> list[str]:
    """Measure the parts; the lines of the table and of the facts.

    Raises:
        UserError: the scans cannot be used.
    """
    described = {"**quick**": "a small subject and patch, the numbers mean nothing"} if quick else {}
    described |= facts(threads, seed, arguments)
    torch.set_num_threads(threads)
    repeats = 1 if quick else repeats
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "step" in parts:
            rows += step_rows(1 if quick else 4 * repeats, seed, QUICK_TRAINING if quick else None)
        if set(parts) - {"step"}:
            item = one_subject(scans, folder / "scans", seed, QUICK_SPACING if quick else 1.0)
            described["subject"] = item["subject"] + (" (simulated)" if scans is None else f" of {scans}")
        if "inference" in parts:
            rows += inference_rows(item, repeats, threads, QUICK_WINDOW if quick else REFERENCE_WINDOW)
        if "start" in parts:
            rows += start_rows(item, folder / "start", repeats, threads)
        if "batch" in parts:
            rows += batch_rows(item, folder / "batch", repeats, threads, *([2] if quick else []))
        if "growth" in parts:
            rows += growth_rows(item, folder / "growth", threads, *([(1, 2)] if quick else []))
    return page_lines(rows, described)


def parts_of(names: str) -> tuple[str, ...]:
    """The parts in a text such as ``"step,batch"``.

    Raises:
        argparse.ArgumentTypeError: on an unknown part.
    """
    parts = tuple(names.split(","))
    for part in parts:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part '{part}', only {', '.join(PARTS)}")
    return parts


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: on another text.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Measure time and memory of inference and training steps."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--scans", help="folder whose first subject is segmented; by default one is simulated at 1 mm")
    parser.add_argument("--page", help="page to write the table into, such as docs/benchmark.md; it is always printed")
    parser.add_argument("--only", type=parts_of, default=PARTS, help=f"some of {','.join(PARTS)} (default: all)")
    parser.add_argument("--repeats", type=positive, default=5, help="subjects to segment; four times as many steps")
    parser.add_argument("--threads", type=positive, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--seed", type=int, default=0, help="of weights and simulated subjects")
    parser.add_argument("--quick", action="store_true", help="a tiny trial of this command: the numbers mean nothing")
    given = parser.parse_args(arguments)
    lines = benchmark(given.scans, given.only, given.repeats, given.threads, given.seed, given.quick, arguments)
    print("\n".join(lines))
    if given.page is not None:
        fill_between_markers(given.page, COMMAND, lines)


if __name__ == "__main__":
    install_error_hook()
    main()

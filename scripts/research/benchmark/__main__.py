# SPDX-License-Identifier: Apache-2.0
"""Speed and memory on this machine's processor, each beside what is asked, as a markdown table.

python -m scripts.research.benchmark
python -m scripts.research.benchmark --only step,inference --scans ../shared/data/brats2021 --output docs/benchmark.md
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from scripts.common.errors import install_error_hook
from scripts.common.weights import save_atomically
from scripts.research.benchmark.batch import batch_rows
from scripts.research.benchmark.data import data_rows
from scripts.research.benchmark.growth import growth_rows
from scripts.research.benchmark.inference import REFERENCE_WINDOW, inference_rows, one_subject
from scripts.research.benchmark.networks import network_rows
from scripts.research.benchmark.nnunet import FILTERS, WINDOW, nnunet_rows
from scripts.research.benchmark.recipes import all_students_row, recipe_rows
from scripts.research.benchmark.start import start_rows
from scripts.research.benchmark.step import step_rows
from scripts.research.benchmark.table import facts, markdown

PARTS = ("step", "inference", "nnunet", "start", "batch", "growth", "data", "networks", "recipes")
OF_A_SUBJECT = {"inference", "nnunet", "start", "batch", "growth"}
# for trying out the benchmark itself
QUICK = {"filters": [4, 8, 16], "spacing": 4.0}
QUICK_TRAINING = QUICK | {"patch_size": [32, 32, 32], "patches_per_epoch": 4}
QUICK_NETWORKS = QUICK_TRAINING | {"teacher_filters": [8, 16, 32]}
QUICK_WINDOW = (64, 64, 40)
QUICK_NNUNET = (4, 8, 16), (16, 16, 16)


def benchmark(
    scans: str | None,
    parts: tuple[str, ...],
    repeats: int,
    epochs: int,
    threads: int,
    seed: int,
    quick: bool,
    arguments: list[str],
) -> str:
    """Measure the parts, and return the table as markdown; the arguments are those of the command line.

    Raises:
        UserError: if the scans cannot be used.
    """
    described = {"**quick**": "tiny networks and subjects, the numbers mean nothing"} if quick else {}
    described |= facts(threads, seed, arguments)
    torch.set_num_threads(threads)
    if quick:
        repeats, epochs = 1, 1
    training = QUICK_TRAINING if quick else None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if "step" in parts:
            rows += step_rows(1 if quick else 4 * repeats, seed, training)
        if OF_A_SUBJECT & set(parts):
            item = one_subject(scans, Path(folder) / "scans", seed, QUICK["spacing"] if quick else 1.0)
            described["subject"] = item["subject"] + (" (simulated)" if scans is None else f" of {scans}")
            untrained = QUICK | {"load_pretrain": False} if quick else None
            keys = QUICK if quick else None
        if "inference" in parts:
            rows += inference_rows(item, repeats, threads, untrained, QUICK_WINDOW if quick else REFERENCE_WINDOW)
        if "nnunet" in parts:
            rows += nnunet_rows(item, repeats, threads, untrained, *(QUICK_NNUNET if quick else (FILTERS, WINDOW)))
        if "start" in parts:
            rows += start_rows(item, Path(folder) / "start", repeats, threads, keys)
        if "batch" in parts:
            rows += batch_rows(item, Path(folder) / "batch", repeats, threads, keys, *([2] if quick else []))
        if "growth" in parts:
            rows += growth_rows(item, Path(folder) / "growth", threads, keys, *([(1, 2)] if quick else []))
        if "data" in parts:
            rows += data_rows(Path(folder), epochs, seed, training)
        if "networks" in parts:
            rows += network_rows(repeats, seed, QUICK_NETWORKS if quick else None)
        if "recipes" in parts:
            rows += recipe_rows(repeats, seed, training)
            rows.append(all_students_row(repeats, seed, training))
    return markdown(rows, described)


def parts_of(names: str) -> tuple[str, ...]:
    """The parts named in e.g. ``"step,data"``.

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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--scans", help="folder whose first subject is segmented; by default one is simulated at 1 mm")
    parser.add_argument("--output", help="file for the table, e.g. docs/benchmark.md; it is printed in any case")
    parser.add_argument("--only", type=parts_of, default=PARTS, help=f"some of {','.join(PARTS)}; by default all")
    parser.add_argument("--repeats", type=positive, default=5, help="subjects to segment; four times as many steps")
    parser.add_argument("--epochs", type=positive, default=3, help="of the training in which waiting is measured")
    parser.add_argument("--threads", type=positive, default=torch.get_num_threads(), help="of torch; its own choice")
    parser.add_argument("--seed", type=int, default=0, help="of weights and simulated subjects")
    parser.add_argument("--quick", action="store_true", help="tiny, to try out this command: the numbers mean nothing")
    return parser.parse_args()


if __name__ == "__main__":
    install_error_hook()
    given = _arguments()
    page = benchmark(
        given.scans, given.only, given.repeats, given.epochs, given.threads, given.seed, given.quick, sys.argv[1:]
    )
    print(page)
    if given.output is not None:
        save_atomically(given.output, lambda file: file.write_text(page))

# SPDX-License-Identifier: Apache-2.0
"""Kill tiny trainings at random moments, resume each, and compare its weights with those of an uninterrupted one.

``python -m tests.robustness.kills --work /tmp/kills --trainings 20`` prints a table. Each training is a
process of its own, which gets SIGKILL; it is forked from a server that has imported MONAI already.
"""

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from scripts.common.errors import UserError, install_error_hook
from scripts.research.markdown import markdown_table
from scripts.research.runs import configs, run_workflow

from tests.tiny import TINY


@dataclass
class Killed:
    """One training: when it was killed, what that moment had left, and what came out in the end.

    Attributes:
        seconds: after its start.
        epochs: epochs that ``last.pt`` held when it was killed; 0 if there was none.
        finished: whether it had ended before.
        difference: largest difference of any weight in ``last.pt`` or of the best networks.
        leftovers: hidden files that are left in its folder at the end.
    """

    seconds: float
    epochs: int
    finished: bool
    difference: float
    leftovers: int


def train(keys: dict, log: str) -> None:
    """Run ``configs/train.json`` in this process with one thread; its output goes to a file."""
    sys.stdout = sys.stderr = Path(log).open("a", encoding="utf-8", buffering=1)
    torch.set_num_threads(1)
    run_workflow(configs(), "train", keys)


def run_kills(work: str | Path, trainings: int, seed: int = 0, keys: dict | None = None) -> list[Killed]:
    """Train once without interruption and ``trainings`` times with one kill each at a random moment.

    Args:
        work: empty or missing folder for the trainings and their cohort.
        trainings: number of trainings that are killed.
        seed: of the moments.
        keys: config keys other than those of `TINY` and its four epochs.

    Raises:
        UserError: the folder is not empty, or a training ended with an error; its log is named.
    """
    work = Path(work).absolute()
    if work.exists() and any(work.iterdir()):
        raise UserError(f"{work} is not empty: give another folder with --work.")
    work.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.robustness.kills"])
    keys = TINY | {"epochs": 4, "simulated#folder": str(work / "cohort")} | (keys or {})
    _finish(context, keys, work / "with_cohort")  # simulates the cohort, which takes no part in the time of a training
    started = time.monotonic()
    _finish(context, keys, work / "whole")
    duration = time.monotonic() - started
    moments = random.Random(seed)
    return [
        _killed(context, keys, work / f"killed_{number}", work / "whole", moments.uniform(0, duration))
        for number in range(trainings)
    ]


def _killed(context, keys: dict, folder: Path, whole: Path, seconds: float) -> Killed:
    process = _start(context, keys, folder)
    process.join(seconds)
    finished = process.exitcode == 0
    process.kill()
    process.join()
    last = folder / "last.pt"
    trainer = torch.load(last, weights_only=True)["trainer"] if last.exists() else {"iteration": 0, "epoch_length": 1}
    epochs = trainer["iteration"] // trainer["epoch_length"]
    _finish(context, keys | {"resume": last.exists()}, folder)
    result = Killed(seconds, epochs, finished, largest_difference(whole, folder), len(list(folder.glob(".*"))))
    shutil.rmtree(folder)
    return result


def _start(context, keys: dict, folder: Path):
    process = context.Process(target=train, args=(keys | {"output_dir": str(folder)}, f"{folder}.log"))
    process.start()
    return process


def _finish(context, keys: dict, folder: Path) -> None:
    process = _start(context, keys, folder)
    process.join()
    if process.exitcode:
        raise UserError(f"The training in {folder} ended with code {process.exitcode}: see {folder}.log.")


def largest_difference(one: Path, other: Path) -> float:
    """The largest difference of any weight between two trainings, in ``last.pt``, ``model.pt`` and ``teacher.pt``."""
    differences = []
    for name in ("last.pt", "model.pt", "teacher.pt"):
        states = [torch.load(folder / name, weights_only=True) for folder in (one, other)]
        first, second = (state["distiller"] if name == "last.pt" else state for state in states)
        if first.keys() != second.keys():
            return float("inf")
        differences += [float((first[key].double() - second[key].double()).abs().max()) for key in first]
    return max(differences)


def report(killed: list[Killed]) -> str:
    """A sentence and a Markdown table, one row a training."""
    equal = sum(each.difference == 0 for each in killed)
    rows = [
        [str(number), f"{each.seconds:.1f}", "ended" if each.finished else str(each.epochs), f"{each.difference:g}"]
        for number, each in enumerate(killed, start=1)
    ]
    left = sum(each.leftovers for each in killed)
    sentence = (
        f"{equal} of {len(killed)} trainings that were killed and resumed end at the weights of the uninterrupted one; "
        f"{left} hidden files are left."
    )
    head = ["training", "killed after s", "epochs in last.pt", "largest difference"]
    return "\n".join([sentence, "", *markdown_table(head, rows)])


def main(arguments: list[str] | None = None) -> None:
    """Kill trainings, resume them and compare their weights."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.kills", description=main.__doc__)
    parser.add_argument("--work", required=True, help="empty folder for the trainings")
    parser.add_argument("--trainings", type=int, default=20, help="how many are killed (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--keys", type=json.loads, default={}, help="other config keys, as JSON")
    options = parser.parse_args(arguments)
    killed = run_kills(options.work, options.trainings, options.seed, options.keys)
    print(report(killed))
    if any(each.difference or each.leftovers for each in killed):
        raise UserError(
            "A resumed training differs from the uninterrupted one, or has left hidden files: see the table."
        )


if __name__ == "__main__":
    install_error_hook()
    main()

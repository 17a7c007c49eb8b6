# SPDX-License-Identifier: Apache-2.0
"""Segment a large batch with bad subjects in it: in one go, killed and continued, twice at once, on a full disk.

``python -m tests.robustness.load --work /tmp/load`` prints a table. Each run is a process of its own, forked
from a server that has imported MONAI already. After each trial every good subject must have the label map that it has
when it is segmented alone, every bad one a row with a reason, and the table must agree with the files.
"""

import argparse
import errno
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from scripts.common import files
from scripts.common.errors import UserError, install_error_hook, system_message, user_message
from scripts.common.files import ROOT
from scripts.inference.segment import segment
from scripts.simulation.cohort import make_cohort

from tests.robustness.load_batch import FILTERS, write_batch, write_networks
from tests.robustness.load_check import Trial, checked, report

CONFIGS = [str(ROOT / "configs" / name) for name in ("inference.json", "batch_inference.json")]
# Exit codes of a run: bad subjects, or a full disk, were told in a sentence; anything else ended it.
TOLD, UNTOLD = 1, 2


class Load:
    """The batch, its networks and references in a folder, and the trials with it.

    Args:
        work: empty or missing folder.
        sources: folders of simulated subjects, which the batch has copies of.
        spacing: their voxel size in mm.
        subjects: number of subjects in the batch.
        kills: how often a run is killed.
        seed: of the moments.
        keys: other config keys of the runs.

    Raises:
        UserError: the folder is not empty.
    """

    def __init__(
        self, work, sources: list[Path], spacing: float, subjects: int, kills: int = 5, seed=0, keys=None
    ) -> None:
        self.work, self.kills, self.moments = Path(work).absolute(), kills, random.Random(seed)
        if self.work.exists() and any(self.work.iterdir()):
            raise UserError(f"{self.work} is not empty: give another folder with --work.")
        write_networks(self.work / "networks", spacing)
        self.batch = write_batch(self.work / "scans", sources, subjects)
        self.keys = {"spacing": spacing, "filters": FILTERS, "device": "cpu", "amp": False, "report": False}
        self.keys |= keys or {}
        kinds = sorted({(subject.source, subject.sequences) for subject in self.batch if subject.bad is None})
        self.right = {(source, sequences): self._alone(source, sequences) for source, sequences in kinds}
        self.context = multiprocessing.get_context("forkserver")
        # not this module, which each process runs once more as its main one
        self.context.set_forkserver_preload(["scripts.inference.segment", "pandas"])
        self.seconds = 0.0

    def run(self) -> list[Trial]:
        """All trials, one after the other."""
        return [self.whole(), self.killed(), self.twice(), self.full_disk()]

    def whole(self) -> Trial:
        """One run, uninterrupted."""
        return self._trial("in one go", self._run)

    def killed(self) -> Trial:
        """A run that is killed at random moments, and continued each time with ``existing`` skip."""

        def runs(output: Path) -> None:
            for _ in range(self.kills):
                process = self._start(output, existing="skip")
                process.join(self.moments.uniform(0, self.seconds))
                process.kill()
                process.join()
            self._run(output, existing="skip")

        return self._trial(f"killed {self.kills} times and continued", runs)

    def twice(self) -> Trial:
        """Two runs at once into one folder."""

        def runs(output: Path) -> None:
            processes = [self._start(output, number) for number in (1, 2)]
            for process in processes:
                self._end(process, output)

        return self._trial("two runs at once", runs)

    def full_disk(self) -> Trial:
        """A run whose disk is full after half of the files, continued when there is room.

        The disk is a file system in memory that root may mount; otherwise the run's writes fail from a number on, with
        the system's error.
        """
        size = sum(path.stat().st_size for path in (self.work / "in_one_go").rglob("*") if path.is_file())

        def runs(output: Path) -> None:
            output.mkdir()
            blocks = 4096 * (len(self.right) + len(self.batch)) + size  # a file system has whole pages
            mounted = _mount(output, blocks // 2)
            process = self._start(output, moves=None if mounted else len(self.batch))
            self._end(process, output)
            if "No space left on device" not in Path(f"{output}.log").read_text():
                raise UserError(f"The run in {output} did not fill its disk: see {output}.log.")
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=90%", str(output)], check=True)
            self._run(output, existing="skip")

        output = self.work / "full_disk"
        try:
            return self._trial("full disk", runs)
        finally:
            if output.is_mount():
                subprocess.run(["umount", str(output)], check=True)

    def _alone(self, source: Path, sequences: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Label map and affine of a subject that is segmented alone; they are those of all its copies."""
        scans = {name: source / f"{source.name}_{name}.nii.gz" for name in sequences}
        keys = {name: value for name, value in self.keys.items() if name != "report"}
        result = segment(**scans, ckpt_dir=self.work / "networks", **keys)
        return result.label_map, result.affine

    def _start(self, output: Path, number: int = 1, moves: int | None = None, **more):
        keys = {"bundle_root": str(ROOT), "dataset_dir": str(self.work / "scans"), "output_dir": str(output)}
        keys |= self.keys | {"ckpt_dir": str(self.work / "networks")} | more
        process = self.context.Process(
            target=segment_all, args=(keys, f"{output}.log", f"{output}.memory{number}", moves)
        )
        process.start()
        return process

    def _run(self, output: Path, **more) -> None:
        self._end(self._start(output, **more), output)

    def _end(self, process, output: Path) -> None:
        process.join()
        if process.exitcode != (TOLD if any(subject.bad for subject in self.batch) else 0):
            raise UserError(f"A run in {output} ended with code {process.exitcode}: see {output}.log.")

    def _trial(self, name: str, runs) -> Trial:
        output, started = self.work / name.replace(" ", "_"), time.monotonic()
        runs(output)
        seconds = time.monotonic() - started
        self.seconds = self.seconds or seconds
        return checked(name, output, self.batch, self.right, seconds)


def segment_all(keys: dict, log: str, memory: str, moves: int | None) -> None:
    """Run ``configs/batch_inference.json`` in this process with one thread.

    Args:
        keys: values of config keys.
        log: file that the output is appended to.
        memory: file that gets the largest resident memory in kB after each subject, a line each.
        moves: of so many finished files on, each fails as on a full disk; None for no limit.
    """
    sys.stdout = sys.stderr = Path(log).open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    torch.set_num_threads(1)
    if moves is not None:
        files.os.replace = _full_after(moves)
    workflow = ConfigWorkflow(config_file=CONFIGS, logging_file=False, workflow_type="infer", **keys)
    with open(memory, "w", buffering=1) as measured:
        try:
            workflow.initialize()
            evaluator = workflow.parser.get_parsed_content("evaluator")
            evaluator.add_event_handler(
                Events.ITERATION_COMPLETED,
                lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=measured),
            )
            workflow.run()
        except Exception as error:
            sentence = user_message(error) or system_message(error)
            print(sentence or traceback.format_exc())
            os._exit(UNTOLD if sentence is None else TOLD)


def _full_after(moves: int):
    """``os.replace`` that fails as on a full disk after so many calls."""
    move, count = os.replace, 0

    def replace(source, target) -> None:
        nonlocal count
        count += 1
        if count > moves:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        move(source, target)

    return replace


def _mount(folder: Path, size: int) -> bool:
    """Mount a file system of so many bytes in memory on a folder; False if that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def main(arguments: list[str] | None = None) -> None:
    """Segment a large batch with bad subjects under kills, twice at once and on a full disk, and check what is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.load", description=main.__doc__)
    parser.add_argument("--work", required=True, help="empty folder for batch and results; the subjects go beside")
    parser.add_argument("--subjects", type=int, default=200, help="in the batch (default 200)")
    parser.add_argument("--kills", type=int, default=5, help="of the second trial (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--spacing", type=float, default=4.0, help="voxel size of the subjects in mm (default 4)")
    parser.add_argument("--keys", type=json.loads, default={}, help="other config keys, as JSON")
    options = parser.parse_args(arguments)
    cohort = make_cohort(f"{options.work}_cohort", 0, 0, 2, options.spacing, options.seed, workers=1)
    sources = sorted(Path(cohort).glob("Simulated_*"))
    load = Load(options.work, sources, options.spacing, options.subjects, options.kills, options.seed, options.keys)
    trials = load.run()
    print(report(trials, load.batch))
    if any(trial.problems for trial in trials):
        raise UserError("Something was lost or is wrong: see the lines below the table.")


if __name__ == "__main__":
    install_error_hook()
    main()

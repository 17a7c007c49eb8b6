# SPDX-License-Identifier: Apache-2.0
"""Trainings and evaluations started from Python: each once, resumed after an interruption, several side by side."""

import json
import logging
import os
import shutil
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from scripts.common.errors import UserError, user_message
from scripts.common.files import ROOT, hash_of
from scripts.common.json_files import read_json, save_json
from scripts.common.workers import end_with_parent
from scripts.simulation.cohort import ensure_cohort
from scripts.training.processor import keep_freed_memory

PLANS = ROOT / "scripts" / "research" / "plans"


def configs(*names: str) -> list[str]:
    """Paths of ``configs/train.json`` and these overlays, such as ``("kd_net",)``."""
    return [str(ROOT / "configs" / f"{name}.json") for name in ("train", *names)]


def train_once(overlays: tuple[str, ...], output: Path, keys: dict) -> float | None:
    """Run a training unless it is finished; an interrupted one is resumed.

    Args:
        overlays: names of configs after ``train.json``.
        output: folder of the weights; files that only a resumed training needs are removed at the end.
        keys: values of config keys.

    Returns:
        Its duration in seconds; None if it was interrupted.

    Raises:
        UserError: the folder has a training, finished or not, with other overlays, keys or starting weights.
    """
    resumed = (output / "last.pt").is_file()
    duration = output / "seconds.json"
    given = {"overlays": list(overlays)} | keys | _weights_of(keys, ("start_from", "teacher_from", "student_from"))
    _check_keys(output / "keys.json", given, resumed or duration.is_file(), "training")
    if not duration.is_file():
        start = time.time()
        run_workflow(configs(*overlays), "train", keys | {"output_dir": str(output), "resume": resumed})
        seconds = None if resumed else round(time.time() - start, 1)
        save_json(duration, seconds)
        (output / "last.pt").unlink(missing_ok=True)
        shutil.rmtree(output / "tensorboard", ignore_errors=True)
    return read_json(duration)


def _weights_of(keys: dict, names: tuple[str, ...]) -> dict[str, str]:
    """The hash of each weight file that these keys name, by the key and the file: a path may get other weights."""
    found = {}
    for name in names:
        if not keys.get(name):
            continue
        given = Path(keys[name])
        for file in sorted(given.glob("*.pt")) if given.is_dir() else [given]:
            if file.is_file():
                found[f"weights of {name}, {file.name}"] = hash_of(file)
    return found


def _check_keys(path: Path, keys: dict, started: bool, what: str) -> None:
    """Store the keys of a new training or evaluation; compare them with those of one that was started before."""
    given = json.loads(json.dumps({name: value for name, value in keys.items() if name != "bundle_root"}, default=str))
    if not started:
        save_json(path, given)
    elif path.is_file():
        stored = read_json(path)
        differing = [name for name in sorted(stored.keys() | given.keys()) if stored.get(name) != given.get(name)]
        if differing:
            name = differing[0]
            raise UserError(
                f"{path.parent} has a {what} with {name} {stored.get(name)!r}, now it is {given.get(name)!r}: remove the "
                "folder to run it again, or choose another folder."
            )


def evaluate_once(overlays: tuple[str, ...], output: Path, keys: dict) -> Path:
    """Evaluate trained networks unless that is finished; an interrupted evaluation starts again.

    Args:
        overlays: names of configs after ``train.json`` and before ``evaluate.json``.
        output: folder of the results.
        keys: values of config keys, among them ``ckpt_dir``.

    Returns:
        path of ``cases.csv`` in the folder.

    Raises:
        UserError: the folder has a finished evaluation with other overlays, keys or weights.
    """
    finished = output / "finished"
    given = {"overlays": list(overlays)} | keys | _weights_of(keys, ("ckpt_dir", "teacher_from"))
    _check_keys(output / "keys.json", given, finished.is_file(), "finished evaluation")
    if not finished.is_file():  # cases.csv is written during the evaluation: it may be incomplete
        run_workflow(configs(*overlays, "evaluate"), "evaluation", keys | {"output_dir": str(output), "report": False})
        finished.touch()
    return output / "cases.csv"


def ensure_simulated(overlays: tuple[str, ...], keys: dict) -> None:
    """Simulate the cohort of a run unless it exists, before several runs at a time would."""
    parser = ConfigParser()
    parser.read_config(configs(*overlays))
    parser.update(keys)
    recipe = dict(parser.get_parsed_content("simulated"))
    ensure_cohort(parser.get_parsed_content("dataset_dir"), recipe.pop("folder"), **recipe)


def run_workflow(files: list[str], kind: str, keys: dict) -> None:
    """Initialize, run and finalize a bundle's workflow."""
    workflow = ConfigWorkflow(config_file=files, logging_file=False, workflow_type=kind, **keys)
    workflow.initialize()
    workflow.run()
    workflow.finalize()


def run_all(tasks: list[tuple], workers: int, after: Callable[[], None] | None = None) -> None:
    """Call (name, function, arguments) in worker processes, which share the cores; a failure does not stop the others.

    ``after`` is called here after each task that succeeded.

    Raises:
        UserError: at the end, with the name and the error of each failed task.
    """
    if not tasks:
        return
    failed = []
    workers = min(workers, len(tasks))
    threads = max(1, torch.get_num_threads() // workers)  # fewer than cores with OMP_NUM_THREADS
    os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, in the workers
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_set_up_worker, initargs=(threads,)) as pool:
        waiting = {pool.submit(_call, function, *arguments): name for name, function, arguments in tasks}
        for number, done in enumerate(as_completed(waiting), 1):
            name = waiting[done]
            if error := done.exception():
                failed.append(f"{name}: {error}")
            print(f"{number}/{len(tasks)} {name}{' FAILED' if error else ''}", flush=True)
            if after is not None and not error:
                after()
    if failed:
        raise UserError(f"{len(failed)} of {len(tasks)} tasks failed; the others are kept. {' '.join(failed)}")


def _call(function, *arguments):
    """Call it; an exception loses its cause on the way to the parent process, so the message is made here."""
    try:
        return function(*arguments)
    except Exception as error:
        if sentence := user_message(error):
            raise UserError(sentence) from None
        traceback.print_exc()
        raise


def _set_up_worker(threads: int) -> None:
    end_with_parent()
    torch.set_num_threads(threads)
    keep_freed_memory()
    logging.disable(logging.INFO)

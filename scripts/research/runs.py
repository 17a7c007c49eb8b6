# SPDX-License-Identifier: Apache-2.0
"""Trainings and evaluations started from Python: each once, going on where it was killed, several beside each other."""

import json
import logging
import os
import shutil
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from monai.bundle import ConfigWorkflow

from scripts.common.errors import UserError, user_message
from scripts.common.files import ROOT, save_atomically
from scripts.training.processor import keep_freed_memory


def configs(*names: str) -> list[str]:
    """Paths of ``configs/train.json`` and these overlays."""
    return [str(ROOT / "configs" / f"{name}.json") for name in ("train", *names)]


def train_once(overlays: tuple[str, ...], output: Path, keys: dict) -> float | None:
    """Train if it is not trained yet, going on where it was killed.

    Args:
        overlays: config names after train.json, such as ``("kd_net",)``.
        output: folder of the weights; what only an interrupted training needs is dropped at the end.
        keys: config values.

    Returns:
        Its seconds, None if it was killed on the way.

    Raises:
        UserError: if there is a training in the folder, finished or not, that was started with other overlays or keys.
    """
    resumed = (output / "last.pt").is_file()
    took = output / "seconds.json"
    _same_keys(output / "keys.json", {"overlays": list(overlays)} | keys, resumed or took.is_file())
    if not took.is_file():
        start = time.time()
        run_workflow(configs(*overlays), "train", keys | {"output_dir": str(output), "resume": resumed})
        seconds = None if resumed else round(time.time() - start, 1)
        save_atomically(took, lambda file: file.write_text(json.dumps(seconds)))
        (output / "last.pt").unlink(missing_ok=True)
        shutil.rmtree(output / "tensorboard", ignore_errors=True)
    return json.loads(took.read_text())


def _same_keys(path: Path, keys: dict, started: bool) -> None:
    """Remember the keys of a training, and compare them with those of one that was started; folders may move."""
    asked = json.loads(json.dumps({name: value for name, value in keys.items() if name != "bundle_root"}, default=str))
    if not started:
        save_atomically(path, lambda file: file.write_text(json.dumps(asked, indent=1) + "\n"))
    elif path.is_file():
        had = json.loads(path.read_text())
        differing = [name for name in sorted(had.keys() | asked.keys()) if had.get(name) != asked.get(name)]
        if differing:
            name = differing[0]
            raise UserError(
                f"{path.parent} has a training with {name} {had.get(name)!r}, now it is {asked.get(name)!r}: remove "
                "the folder to train anew, or choose another one."
            )


def evaluate(overlays: tuple[str, ...], folder: Path, keys: dict) -> Path:
    """Measure trained networks (``ckpt_dir`` is one of the keys); the path of ``cases.csv`` in the folder."""
    run_workflow(configs(*overlays, "evaluate"), "evaluation", keys | {"output_dir": str(folder)})
    return folder / "cases.csv"


def run_workflow(files: list[str], kind: str, keys: dict) -> None:
    """Initialise, run and finalise a bundle's workflow."""
    workflow = ConfigWorkflow(config_file=files, logging_file=False, workflow_type=kind, **keys)
    workflow.initialize()
    workflow.run()
    workflow.finalize()


def run_all(tasks: list[tuple], workers: int) -> None:
    """Run (name, function, arguments), the cores shared among the workers; one that fails does not stop the others.

    Raises:
        UserError: at the end, naming those that failed.
    """
    if not tasks:
        return
    failed = []
    workers = min(workers, len(tasks))
    threads = max(1, (os.cpu_count() or 1) // workers)
    os.environ["TQDM_DISABLE"] = "1"  # tqdm looks when it is imported, in the workers
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_worker, initargs=(threads,)) as pool:
        waiting = {pool.submit(_run, function, *arguments): name for name, function, arguments in tasks}
        for number, done in enumerate(as_completed(waiting), 1):
            name = waiting[done]
            if error := done.exception():
                failed.append(f"{name}: {error}")
            print(f"{number}/{len(tasks)} {name}{' FAILED' if error else ''}", flush=True)
    if failed:
        raise UserError(f"{len(failed)} of {len(tasks)} tasks failed, the others are kept. {' '.join(failed)}")


def _run(function, *arguments):
    """Call it; an exception loses its cause on the way to the parent, so what is to be said is said here."""
    try:
        return function(*arguments)
    except Exception as error:
        if sentence := user_message(error):
            raise UserError(sentence) from None
        traceback.print_exc()
        raise


def _worker(threads: int) -> None:
    torch.set_num_threads(threads)
    keep_freed_memory()
    logging.disable(logging.INFO)

# SPDX-License-Identifier: Apache-2.0
"""Does the data side keep up: the share of a training epoch that is spent waiting for batches."""

import time
from pathlib import Path

from ignite.handlers import BasicTimeProfiler
from monai.bundle import ConfigWorkflow

from scripts.common.files import ROOT
from scripts.research.benchmark.table import Row
from scripts.research.runs import configs

COHORT = {"simulated#training": 4, "simulated#validation": 1, "simulated#test": 1}
LIMIT = 0.10


def data_rows(folder: Path, epochs: int, seed: int = 0, overrides: dict | None = None) -> list[Row]:
    """Train teacher and student together on a few simulated subjects, cached, on the CPU, and time the batches.

    Args:
        folder: for the cohort and the training's output.
        epochs: to train; the validation after the last one is not timed.
        seed: of the training.
        overrides: other values of the config's keys.
    """
    keys = {
        "bundle_root": str(ROOT),
        "device": "cpu",
        "seed": seed,
        "epochs": epochs,
        "val_interval": epochs,
        "output_dir": str(folder / "output"),
        "simulated#folder": str(folder / "cohort"),
    }
    workflow = ConfigWorkflow(
        configs("barlow_twins"), logging_file=False, workflow_type="train", **(COHORT | keys | (overrides or {}))
    )
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    prepare = trainer.prepare_batch = _Timed(trainer.prepare_batch)
    profiler = BasicTimeProfiler()
    profiler.attach(trainer)
    workflow.run()
    steps = trainer.state.epoch_length
    waiting = float(profiler.dataflow_times.sum()) / epochs
    return rows_of(waiting, prepare.seconds / epochs, float(profiler.processing_times.sum()) / epochs, epochs, steps)


def rows_of(waiting: float, preparing: float, computing: float, epochs: int, steps: int) -> list[Row]:
    """Rows of the mean seconds an epoch: waiting for batches, computing, and, part of that, preparing the batches."""
    epoch = waiting + computing
    detail = f"{waiting:.2f} s of {epoch:.1f} s"
    what = f"waiting for batches, share of an epoch of {steps} steps, mean of {epochs}"
    rendering = "not waiting, but computing: moving and rendering the batches, share of an epoch"
    return [
        Row(what, waiting / epoch, "{:.1%}", LIMIT, detail),
        Row(rendering, preparing / epoch, "{:.1%}", detail=f"{preparing:.2f} s of {epoch:.1f} s"),
    ]


class _Timed:
    """A function, with the seconds that all its calls have taken."""

    def __init__(self, function) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args, **kwargs):
        start = time.perf_counter()
        try:
            return self.function(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - start

# SPDX-License-Identifier: Apache-2.0
"""A batch of subjects, loaded and drawn beside the network, beside the same workflow with one step after the other."""

import multiprocessing
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from monai.bundle import ConfigWorkflow

from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark.subjects import linked_subjects, networks_for, same_label_maps, size_of
from scripts.research.benchmark.table import Row

CONFIGS = ROOT / "configs"
FILES = ("inference.json", "batch_inference.json")
SUBJECTS = 8
LIMIT = 1.3
MODES = {"one by one": {"load_ahead": 0}, "batch": {}}
RESULTS = {"label maps alone": {"report": False}, "label maps and report": {"report": True}}


def batch_rows(
    item: Mapping, folder: Path, repeats: int, threads: int, overrides: dict | None = None, subjects: int = SUBJECTS
) -> list[Row]:
    """Time both over the same subjects in turns, in one process, after one run of each to warm up.

    One by one is the same workflow, its networks loaded, in which loading, computing, saving and drawing wait for each
    other. The label maps of both must be the same, voxel for voxel.

    Args:
        item: datalist item with all sequences, of which every subject is a link.
        folder: for links and results.
        repeats: runs of each to measure.
        threads: of torch.
        overrides: other values of the configs' keys.
        subjects: how many.
    """
    ckpt_dir, weights = networks_for(folder / "networks", SEQUENCES, overrides)
    keys = {"ckpt_dir": ckpt_dir, "dataset_dir": linked_subjects(item, folder / "scans", subjects)} | (overrides or {})
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        seconds = pool.submit(measure, keys, str(folder), repeats, threads, subjects).result()
    what = f"{subjects} subjects of {size_of(item)}, {len(SEQUENCES)} sequences ({weights})"
    return [row for result in RESULTS for row in rows_of(seconds[result], subjects, f"{what}, {result}", repeats)]


def rows_of(seconds: Mapping[str, float], subjects: int, what: str, repeats: int) -> list[Row]:
    """Rows of the median seconds of ``one by one`` and ``batch``."""
    rate = {mode: 60 * subjects / seconds[mode] for mode in MODES}
    ratio = rate["batch"] / rate["one by one"]
    form = "{:.1f} subjects/min"
    return [
        Row(f"one by one in a warm process: {what}, median of {repeats}", rate["one by one"], form),
        Row("batch, loading and drawing beside the network: the same, to the same label maps", rate["batch"], form),
        Row("ratio of these two throughputs", ratio, "{:.2f}", LIMIT, at_least=True),
    ]


def measure(keys: dict, folder: str, repeats: int, threads: int, subjects: int) -> dict[str, dict[str, float]]:
    """Median seconds by what is written and mode.

    Raises:
        RuntimeError: if the modes' label maps differ.
    """
    torch.set_num_threads(threads)
    runs = {}
    for result, written in RESULTS.items():
        for mode, way in MODES.items():
            output_dir = str(Path(folder) / f"{result}, {mode}")
            runs[result, mode] = ensure_cohort(keys | written | way | {"output_dir": output_dir})
    seconds = {name: [] for name in runs}
    for number in range(-1, repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    for result in RESULTS:
        same_label_maps(*(Path(folder) / f"{result}, {mode}" for mode in MODES), subjects)
    return {result: {mode: statistics.median(seconds[result, mode]) for mode in MODES} for result in RESULTS}


def ensure_cohort(keys: dict):
    """The workflow of `FILES` on the CPU; what is returned runs it, as often as it is called."""
    keys = {"bundle_root": str(CONFIGS.parent), "device": "cpu"} | keys
    files = [str(CONFIGS / file) for file in FILES]
    workflow = ConfigWorkflow(files, logging_file=False, workflow_type="infer", **keys)
    workflow.initialize()
    return workflow.run

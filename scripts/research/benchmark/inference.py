# SPDX-License-Identifier: Apache-2.0
"""Whole-subject inference, from the files to the saved label map, beside MONAI's brats_mri_segmentation."""

import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nibabel as nib
import torch
from monai.bundle import ConfigWorkflow
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import SegResNet
from monai.transforms import Activationsd, AsDiscreted, Compose, Lambdad, LoadImaged, NormalizeIntensityd, SaveImaged

from scripts.common.errors import UserError
from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import require_complete, subjects_in
from scripts.research.benchmark.process import peak_of
from scripts.research.benchmark.table import Row
from scripts.simulation.cohort import make_cohort

REFERENCE = "brats_mri_segmentation"
REFERENCE_WINDOW = (240, 240, 160)
REFERENCE_ORDER = ("t1ce", "t1", "t2", "flair")
LIMIT_TIME, LIMIT_MEMORY = 1 / 8, 3.0


def inference_rows(
    item: dict, repeats: int, threads: int, overrides: dict | None = None, window: tuple[int, ...] = REFERENCE_WINDOW
) -> list[Row]:
    """Time both on one subject in turns, each in its own process, after one run of each to warm up.

    Args:
        item: datalist item with all sequences, e.g. of `one_subject`.
        repeats: runs of each to measure.
        threads: of torch.
        overrides: other values of the keys of ``configs/inference.json``.
        window: of the reference, in voxels.
    """
    size = nib.load(item["flair"]).shape
    job, weights = ours(item, threads, overrides)
    jobs = {"ours": job, "reference": (measured, threads, segment_as_reference, item, window)}
    seconds, peak = in_turns(jobs, repeats)
    return rows_of(seconds, peak, size, repeats, weights)


def ours(item: dict, threads: int, overrides: dict | None = None) -> tuple[tuple, str]:
    """The job, for `in_turns`, of ``configs/inference.json`` on one subject, and what to call its weights."""
    overrides = {"load_pretrain": (ROOT / "models" / "model.pt").is_file()} | (overrides or {})
    weights = "models/model.pt" if overrides["load_pretrain"] else "random weights"
    return (measured, threads, segment, item, overrides), weights


def in_turns(jobs: dict[str, tuple], repeats: int) -> tuple[dict[str, float], dict]:
    """Run jobs in turns, each in its own process, after one run of each to warm up.

    Args:
        jobs: by name, a function and its arguments; it returns seconds and the peak memory of its process.
        repeats: runs of each to measure.

    Returns:
        median seconds, and the last peak memory, by name.
    """
    seconds, peak = {name: [] for name in jobs}, {}
    context = multiprocessing.get_context("spawn")
    pools = {name: ProcessPoolExecutor(1, mp_context=context) for name in jobs}
    try:
        for _ in range(1 + repeats):
            for name, job in jobs.items():
                taken, peak[name] = pools[name].submit(*job).result()
                seconds[name].append(taken)
    finally:
        for pool in pools.values():
            pool.shutdown()
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}, peak


def rows_of(seconds: dict, peak: dict, size: tuple[int, ...], repeats: int, weights: str) -> list[Row]:
    """The rows of the median seconds and the peak memory in GiB of ``ours`` and the ``reference``."""
    subject = f"one subject of {' x '.join(map(str, size))}"
    ours = f"configs/inference.json ({weights})"
    return [
        Row(f"{ours}, {subject}, loading to saved file and report, median of {repeats}", seconds["ours"], "{:.2f} s"),
        Row(f"{REFERENCE} (random weights, float32), the same without a report", seconds["reference"], "{:.2f} s"),
        Row("ratio of these two times", seconds["ours"] / seconds["reference"], "{:.3f}", LIMIT_TIME),
        Row(f"{ours}, peak memory of the process with its libraries", peak["ours"], "{:.2f} GiB", LIMIT_MEMORY),
        Row(f"{REFERENCE}, the same", peak["reference"], "{:.2f} GiB"),
    ]


def one_subject(scans: str | None, folder: Path, seed: int, spacing: float = 1.0) -> dict:
    """The first subject of a folder, or, where none is given, one that is simulated into ``folder``.

    Raises:
        UserError: if the subject lacks a sequence, which the reference needs, or is not in single files.
    """
    if scans is None:
        scans = make_cohort(str(folder), training=0, validation=0, test=1, spacing=spacing, seed=seed, workers=1)
    item = require_complete(subjects_in(scans, SEQUENCES, labelled=False)[:1], SEQUENCES, label=False)[0]
    if not all(isinstance(item[name], str) for name in SEQUENCES):
        raise UserError(f"{item['subject']} of {scans} is a 4D file: give a subject of one file a sequence.")
    return item


def segment(item: dict, overrides: dict, output_dir: str):
    """Prepare ``configs/inference.json`` for one subject; what is returned runs it."""
    keys = {"bundle_root": str(ROOT), "device": "cpu", "output_dir": output_dir, "dataset#data": [item]} | overrides
    file = str(ROOT / "configs" / "inference.json")
    workflow = ConfigWorkflow(file, logging_file=False, workflow_type="infer", **keys)
    workflow.initialize()
    workflow.parser.get_parsed_content("evaluator")
    return workflow.run


def segment_as_reference(item: dict, window: tuple[int, ...], output_dir: str):
    """Prepare brats_mri_segmentation's inference of one subject; what is returned runs it.

    As it is configured in Project-MONAI/model-zoo 0.5.2, but without what only costs it time here: worker processes
    for one subject, and an ``Invertd`` that has nothing to invert. Its ``amp`` has no effect on a CPU.
    """
    network = SegResNet(
        blocks_down=[1, 2, 2, 4], blocks_up=[1, 1, 1], init_filters=16, in_channels=4, out_channels=3, dropout_prob=0.2
    )
    load = [LoadImaged("image"), NormalizeIntensityd("image", nonzero=True, channel_wise=True)]
    save = [
        Activationsd("pred", sigmoid=True),
        AsDiscreted("pred", threshold=0.5),
        Lambdad("pred", _label_map),
        SaveImaged("pred", output_dir=output_dir, output_postfix="seg", output_dtype="uint8", resample=False),
    ]
    data = [{"image": [item[name] for name in REFERENCE_ORDER]}]
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(data, Compose(load)), batch_size=1, num_workers=0),
        network=network,
        inferer=SlidingWindowInferer(window, sw_batch_size=1, overlap=0.5),
        postprocessing=Compose(save),
    )
    return evaluator.run


def _label_map(regions: torch.Tensor) -> torch.Tensor:
    """BraTS numbers (1, X, Y, Z) from tc, wt, et (3, X, Y, Z)."""
    tc, wt, et = (regions[[channel]] > 0 for channel in range(3))
    return torch.zeros_like(regions[[0]]).masked_fill(wt, 2).masked_fill(tc, 1).masked_fill(et, 4)


def measured(threads: int, prepare, *arguments) -> tuple[float, float]:
    """Seconds of what ``prepare`` returns, and the peak memory of this process so far in GiB."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as output_dir:
        run = prepare(*arguments, output_dir)
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        if not any(Path(output_dir).rglob("*_seg.nii.gz")):
            raise RuntimeError(f"{prepare.__name__} has saved no label map.")
    return seconds, _peak_memory()


def _peak_memory() -> float:
    if Path(
        "/proc/self/status"
    ).is_file():  # on Linux ru_maxrss counts what the parent had when it started this process
        return peak_of("self")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20

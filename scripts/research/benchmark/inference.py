# SPDX-License-Identifier: Apache-2.0
"""Inference in a warm process: one subject beside MONAI's brats_mri_segmentation, and the throughput of a batch."""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import SegResNet
from monai.transforms import Activationsd, AsDiscreted, Compose, Lambdad, LoadImaged, NormalizeIntensityd, SaveImaged
from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark.processes import peak_memory
from scripts.research.benchmark.subjects import check_same_label_maps, linked_subjects, size_of
from scripts.research.benchmark.table import Row

REFERENCE = "brats_mri_segmentation"
REFERENCE_WINDOW = (240, 240, 160)
REFERENCE_ORDER = ("t1ce", "t1", "t2", "flair")
TIME_LIMIT, MEMORY_LIMIT = 1 / 8, 3.0
SUBJECTS = 8
THROUGHPUT_LIMIT = 1.3
MODES = {"one by one": {"load_ahead": 0}, "batch": {}}
FLOOR = "the floor: unpack four gzip files and pack one label map with nibabel, nothing else, on one core"
RESULTS = {"label maps alone": {"report": False}, "label maps and report": {"report": True}}


def inference_rows(item: Mapping, repeats: int, threads: int, window: tuple[int, ...] = REFERENCE_WINDOW) -> list[Row]:
    """Time both on one subject in turns, each in its own process, after one run of each to warm up.

    Args:
        item: datalist item of `scripts.research.benchmark.subjects.one_subject`.
        repeats: measured runs of each.
        threads: of torch.
        window: of the reference, in voxels.
    """
    jobs = {
        "ours": (run_once, threads, prepare_ours, item),
        "reference": (run_once, threads, prepare_reference, item, window),
    }
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
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    return comparison_rows(medians, peak, size_of(item), repeats)


def comparison_rows(seconds: Mapping, peak: Mapping, size: str, repeats: int) -> list[Row]:
    """The rows of median seconds and peak memory in GiB of ``ours`` and the ``reference``."""
    ours = "configs/inference.json (models/model.pt)"
    what = f"{ours}, one subject of {size}, loading to saved file and report, median of {repeats}"
    return [
        Row(what, seconds["ours"], "{:.2f} s"),
        Row(f"{REFERENCE} (random weights, float32), the same without a report", seconds["reference"], "{:.2f} s"),
        Row("ratio of these two times", seconds["ours"] / seconds["reference"], "{:.3f}", TIME_LIMIT),
        Row(f"{ours}, peak memory of the process with its libraries", peak["ours"], "{:.2f} GiB", MEMORY_LIMIT),
        Row(f"{REFERENCE}, the same", peak["reference"], "{:.2f} GiB"),
    ]


def run_once(threads: int, prepare: Callable, *arguments) -> tuple[float, float]:
    """Seconds of the function that ``prepare(*arguments, output_dir)`` returns, and this process' peak memory in GiB.

    Raises:
        RuntimeError: it saved no label map.
    """
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as output_dir:
        run = prepare(*arguments, output_dir)
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        if not any(Path(output_dir).rglob("*_seg.nii.gz")):
            raise RuntimeError(f"{prepare.__name__} has saved no label map.")
    return seconds, peak_memory()


def prepare_ours(item: Mapping, output_dir: str) -> Callable:
    """A function that runs ``configs/inference.json`` on one subject."""
    run, parser = _workflow(["inference.json"], {"output_dir": output_dir, "subjects": [item]})
    parser.get_parsed_content("evaluator")
    return run


def prepare_reference(item: Mapping, window: tuple[int, ...], output_dir: str) -> Callable:
    """A function that runs brats_mri_segmentation on one subject.

    Configured as in Project-MONAI/model-zoo 0.5.2, without what only costs it time here: worker processes for one
    subject, and an ``Invertd`` that has nothing to invert. Its ``amp`` has no effect on a CPU.
    """
    network = SegResNet(
        blocks_down=[1, 2, 2, 4], blocks_up=[1, 1, 1], init_filters=16, in_channels=4, out_channels=3, dropout_prob=0.2
    )
    load = [LoadImaged("image"), NormalizeIntensityd("image", nonzero=True, channel_wise=True)]
    save = [
        Activationsd("pred", sigmoid=True),
        AsDiscreted("pred", threshold=0.5),
        Lambdad("pred", brats_label_map),
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


def brats_label_map(regions: torch.Tensor) -> torch.Tensor:
    """BraTS labels (1, X, Y, Z) from tc, wt, et (3, X, Y, Z)."""
    tc, wt, et = (regions[[channel]] > 0 for channel in range(3))
    return torch.zeros_like(regions[[0]]).masked_fill(wt, 2).masked_fill(tc, 1).masked_fill(et, 4)


def batch_rows(item: Mapping, folder: Path, repeats: int, threads: int, subjects: int = SUBJECTS) -> list[Row]:
    """Time a batch with loading and drawing beside the network, and the same one step after the other.

    Both run in turns in one process, after one run of each to warm up. Their label maps must be the same.

    Args:
        item: datalist item with all sequences, of which every subject is a link.
        folder: for links and results.
        repeats: measured runs of each.
        threads: of torch.
        subjects: their number.
    """
    keys = {"dataset_dir": linked_subjects(item, folder / "scans", subjects)}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds = pool.submit(time_modes, keys, str(folder), repeats, threads, subjects).result()
    what = f"{subjects} subjects of {size_of(item)}, four sequences (models/teacher.pt)"
    rows = [
        row for result in RESULTS for row in throughput_rows(seconds[result], subjects, f"{what}, {result}", repeats)
    ]
    floor = statistics.median(read_and_write(item, folder / "floor_seg.nii.gz") for _ in range(1 + repeats))
    return [*rows, Row(FLOOR, 60 / floor, "{:.1f} subjects/min", detail=f"{floor:.2f} s a subject")]


def read_and_write(item: Mapping, path: Path) -> float:
    """Seconds for unpacking a subject's four scans and packing a label map of their size (a cube of tumour)."""
    start = time.perf_counter()
    scans = [nib.load(item[name]) for name in SEQUENCES]
    for scan in scans:
        np.asarray(scan.dataobj)
    label_map = np.zeros(scans[0].shape, np.uint8)
    label_map[tuple(slice(size // 3, size // 2) for size in label_map.shape)] = 2
    nib.save(nib.Nifti1Image(label_map, scans[0].affine), path)
    return time.perf_counter() - start


def throughput_rows(seconds: Mapping[str, float], subjects: int, what: str, repeats: int) -> list[Row]:
    """Rows of the median seconds of ``one by one`` and ``batch``."""
    rate = {mode: 60 * subjects / seconds[mode] for mode in MODES}
    form = "{:.1f} subjects/min"
    return [
        Row(f"one by one in a warm process: {what}, median of {repeats}", rate["one by one"], form),
        Row("batch, loading and drawing beside the network: the same, to the same label maps", rate["batch"], form),
        Row("ratio of these two", rate["batch"] / rate["one by one"], "{:.2f}", THROUGHPUT_LIMIT, at_least=True),
    ]


def time_modes(keys: dict, folder: str, repeats: int, threads: int, subjects: int) -> dict[str, dict[str, float]]:
    """Median seconds by kind of result and mode.

    Raises:
        RuntimeError: the label maps of the modes differ.
    """
    torch.set_num_threads(threads)
    files = ["inference.json", "batch_inference.json"]
    runs = {}
    for result, written in RESULTS.items():
        for mode, way in MODES.items():
            output_dir = str(Path(folder) / f"{result}, {mode}")
            runs[result, mode], _ = _workflow(files, keys | written | way | {"output_dir": output_dir})
    seconds = {name: [] for name in runs}
    for number in range(-1, repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    for result in RESULTS:
        check_same_label_maps(*(Path(folder) / f"{result}, {mode}" for mode in MODES), subjects)
    return {result: {mode: statistics.median(seconds[result, mode]) for mode in MODES} for result in RESULTS}


def _workflow(files: list[str], keys: dict) -> tuple[Callable, object]:
    """A function that runs these configs on the CPU, as often as it is called, and their parser."""
    keys = {"bundle_root": str(ROOT), "device": "cpu"} | keys
    paths = [str(ROOT / "configs" / file) for file in files]
    workflow = ConfigWorkflow(paths, logging_file=False, workflow_type="infer", **keys)
    workflow.initialize()
    return workflow.run, workflow.parser

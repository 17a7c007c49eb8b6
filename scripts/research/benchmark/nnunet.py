# SPDX-License-Identifier: Apache-2.0
"""Whole-subject inference beside a network of nnU-Net's size in sliding windows with mirroring, as GlioMODA runs."""

import math
import time
from collections.abc import Mapping
from functools import lru_cache

import nibabel as nib
import numpy as np
import torch
from monai.networks.nets import DynUNet
from torch import nn

from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark.inference import in_turns, ours
from scripts.research.benchmark.table import Row

FILTERS = (32, 64, 128, 256, 320, 320)
WINDOW = (128, 128, 128)
OVERLAP = 0.5
MIRRORINGS = 8
LIMIT = 1 / 50


def nnunet_rows(
    item: Mapping,
    repeats: int,
    threads: int,
    overrides: dict | None = None,
    filters: tuple[int, ...] = FILTERS,
    window: tuple[int, ...] = WINDOW,
) -> list[Row]:
    """Time ours on one subject, and one window of the large network, in turns, each in its own process.

    A whole subject of the large network would take minutes, so one window is multiplied by the number of windows and
    mirrorings. Its loading, resampling, blending and saving are left out, in its favour.

    Args:
        item: datalist item with all sequences in single files of 1 mm voxels.
        repeats: runs of ours, and windows, to measure, after one of each to warm up.
        threads: of torch.
        overrides: other values of the keys of ``configs/inference.json``.
        filters: channels a level of the large network.
        window: in voxels.
    """
    job, weights = ours(item, threads, overrides)
    jobs = {"ours": job, "window": (one_window, threads, filters, window)}
    seconds, _ = in_turns(jobs, repeats)
    box = nonzero_box([np.asarray(nib.load(item[name]).dataobj) for name in SEQUENCES])
    parameters = sum(p.numel() for p in _network(filters).parameters())
    return rows_of(seconds, box, window, parameters, filters, repeats, weights)


def rows_of(seconds: Mapping, box, window, parameters: int, filters, repeats: int, weights: str) -> list[Row]:
    """Rows of the median seconds of ``ours`` and of one ``window``, for a brain of ``box`` voxels."""
    windows = window_count(box, window, OVERLAP)
    total = seconds["window"] * windows * MIRRORINGS
    name = f"nnU-Net-size network (DynUNet {'-'.join(map(str, filters))}, {parameters / 1e6:.1f} M parameters"
    one = f"{name}, random weights, float32), one window of {_size(window)}, {len(SEQUENCES)} channels"
    scaled = f"the same for the subject, not run but scaled: {windows} windows at half overlap in the {_size(box)} box "
    scaled += f"that is not 0, {MIRRORINGS} mirrorings; its loading and saving not counted"
    return [
        Row(f"{one}, median of {repeats}", seconds["window"], "{:.2f} s"),
        Row(scaled, total, "{:.0f} s", detail=f"{seconds['window']:.2f} s x {windows} x {MIRRORINGS}"),
        Row(f"configs/inference.json ({weights}), loading to saved file and report", seconds["ours"], "{:.2f} s"),
        Row("ratio of these two times", seconds["ours"] / total, "{:.4f}", LIMIT),
    ]


def window_count(size, window, overlap: float) -> int:
    """How many windows nnU-Net slides over an image, which is padded where it is smaller than one.

    Its ``compute_steps_for_sliding_window``: steps are at most window x (1 - overlap), evenly spread.
    """
    steps = (max(0, math.ceil((n - w) / (w * (1 - overlap)))) for n, w in zip(size, window, strict=True))
    return math.prod(count + 1 for count in steps)


def nonzero_box(images: list[np.ndarray]) -> tuple[int, ...]:
    """Size of the box around all voxels that are not 0 in some image (X, Y, Z), to which nnU-Net crops."""
    inside = np.any([image != 0 for image in images], axis=0)
    size = []
    for axis in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        size.append(int(hit[-1] - hit[0] + 1) if len(hit) else inside.shape[axis])
    return tuple(size)


def one_window(threads: int, filters: tuple[int, ...], window: tuple[int, ...]) -> tuple[float, None]:
    """Seconds of one forward pass without gradients; in a process that is kept, the network is built once."""
    torch.set_num_threads(threads)
    network = _network(filters)
    image = torch.randn(1, len(SEQUENCES), *window)
    start = time.perf_counter()
    with torch.inference_mode():
        network(image)
    return time.perf_counter() - start, None


@lru_cache(maxsize=1)
def _network(filters: tuple[int, ...]) -> nn.Module:
    levels = len(filters)
    return DynUNet(
        spatial_dims=3,
        in_channels=len(SEQUENCES),
        out_channels=3,
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=filters,
        norm_name="INSTANCE",
    ).eval()


def _size(numbers) -> str:
    return " x ".join(map(str, numbers))

# SPDX-License-Identifier: Apache-2.0
"""What a heavy teacher and its light student (EMKD) cost: parameters, multiply-adds, and time on the processor."""

import statistics
import time

import torch
from monai.bundle import ConfigParser
from torch.utils.flop_counter import FlopCounterMode

from scripts.common.files import ROOT
from scripts.research.benchmark.table import Row

CONFIGS = ROOT / "configs"


def network_rows(repeats: int, seed: int = 0, overrides: dict | None = None) -> list[Row]:
    """Parameters, multiply-adds and forward time of the networks of ``configs/emkd.json``, on one whole patch.

    Multiply-adds are half the floating-point operations that torch counts (convolutions and matrix products). Times are
    medians of forward passes, without gradients, taken in turns, in bfloat16 where the processor has it.

    Args:
        repeats: forward passes of each network.
        seed: of weights and image.
        overrides: other values of the config's keys.
    """
    torch.manual_seed(seed)
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / name) for name in ("train.json", "emkd.json")])
    # inference needs no deep-supervision heads
    without_heads = {f"{network}#deep_supervision": False for network in ("network_def", "teacher_def")}
    parser.update({"device": "cpu"} | without_heads | (overrides or {}))
    distiller = parser.get_parsed_content("distiller").eval()
    image = torch.randn(1, 4, *parser.get_parsed_content("patch_size"))
    size = " x ".join(map(str, image.shape[2:]))
    rows, seconds = [], {name: [] for name in distiller.networks()}
    for number in range(-1, repeats):
        for name, measured in seconds.items():
            start = time.perf_counter()
            with torch.no_grad():
                distiller.run(name, image)
            if number >= 0:
                measured.append(time.perf_counter() - start)
    for name, title in (("teacher", "heavy teacher"), ("student", "light student")):
        parameters, multiply_adds = _cost(distiller, name, image)
        filters = "-".join(map(str, parser.get_parsed_content("teacher_filters" if name == "teacher" else "filters")))
        rows += [
            Row(f"{title} ({filters}), parameters", parameters / 1e6, "{:.2f} M"),
            Row(f"{title}, multiply-adds on {size}", multiply_adds / 1e9, "{:.1f} G"),
            Row(f"{title}, forward, median of {repeats}", statistics.median(seconds[name]), "{:.3f} s"),
        ]
    ratio = statistics.median(seconds["student"]) / statistics.median(seconds["teacher"])
    return [*rows, Row("time of the light student / heavy teacher", ratio, "{:.2f}")]


def _cost(distiller, name: str, image: torch.Tensor) -> tuple[int, float]:
    """Parameters, and multiply-adds of one forward pass."""
    network = distiller.network(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(distiller.network_input(name, image))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() / 2

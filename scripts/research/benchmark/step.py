# SPDX-License-Identifier: Apache-2.0
"""What joint training costs beside training teacher and student apart: time of one step each."""

import statistics
import time

import torch
from monai.bundle import ConfigParser

from scripts.common.files import ROOT
from scripts.common.sequences import REGIONS, SEQUENCES
from scripts.research.benchmark.table import Row

CONFIGS = ROOT / "configs"
JOINT = ("train.json", "barlow_twins.json")
ALONE = ("train.json", "no_distillation.json")
# the teacher as the only network: it takes the student's place, and sees all sequences
TEACHER_ALONE = {"student": "$@teacher_def.to(@device)", "student_modalities": list(SEQUENCES)}
LIMIT = 1.10


def step_rows(repeats: int, seed: int = 0, overrides: dict | None = None) -> list[Row]:
    """Time the three kinds of step in turns, so that whatever else the machine does meets all of them alike.

    Networks, losses, optimiser, batch, patch and amp are those of ``configs/train.json``, on the CPU.

    Args:
        repeats: rounds to measure, after two to warm up.
        seed: of weights, images and labels.
        overrides: other values of the config's keys.
    """
    torch.manual_seed(seed)
    overrides = {"device": "cpu"} | (overrides or {})
    joint = Step(JOINT, overrides)
    steps = {"joint": joint, "teacher": Step(ALONE, overrides | TEACHER_ALONE), "student": Step(ALONE, overrides)}
    shape = (joint.parser.get_parsed_content("batch_size"), *joint.parser.get_parsed_content("patch_size"))
    image = torch.randn(shape[0], len(SEQUENCES), *shape[1:])
    label = (torch.rand(shape[0], len(REGIONS), *shape[1:]) < 0.05).float()
    seconds = {name: [] for name in steps}
    for number in range(-2, repeats):
        order = list(steps)[number % 3 :] + list(steps)[: number % 3]
        for name in order:
            taken = steps[name](image, label)
            if number >= 0:
                seconds[name].append(taken)
    return rows_of({name: statistics.median(values) for name, values in seconds.items()}, shape, repeats)


def rows_of(seconds: dict[str, float], shape: tuple[int, ...], repeats: int) -> list[Row]:
    """The row of the median seconds of a ``joint``, a ``teacher`` and a ``student`` step."""
    ratio = seconds["joint"] / (seconds["teacher"] + seconds["student"])
    what = f"joint step / (teacher step + student step), batch {' x '.join(map(str, shape))}, median of {repeats}"
    detail = f"{seconds['joint']:.3f} s / ({seconds['teacher']:.3f} s + {seconds['student']:.3f} s)"
    return [Row(what, ratio, "{:.3f}", LIMIT, detail)]


class Step:
    """The optimiser steps of some configs, listed in order, one a call, as MONAI's ``SupervisedTrainer`` takes it."""

    def __init__(self, files, overrides: dict) -> None:
        self.parser = ConfigParser()
        self.parser.read_config([str(CONFIGS / file) for file in files])
        self.parser.update(overrides)
        self.network = self.parser.get_parsed_content("distiller").train()
        for network in (self.network, self.parser.get_parsed_content("objective")):
            network.progress = 1.0  # every term at its full weight
        self.optimizer = self.parser.get_parsed_content("optimizer")

    def __call__(self, image: torch.Tensor, label: torch.Tensor) -> float:
        """Seconds for image (B, 4, X, Y, Z) and label (B, 3, X, Y, Z)."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.network(image, label)["loss"].backward()
        self.optimizer.step()
        return time.perf_counter() - start

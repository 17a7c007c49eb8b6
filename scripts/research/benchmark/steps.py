# SPDX-License-Identifier: Apache-2.0
"""The cost of joint training: the time of a joint step beside those of teacher, student and all students."""

import statistics
import time

import torch
from monai.bundle import ConfigParser
from scripts.common.sequences import REGIONS, SEQUENCES
from scripts.research.benchmark.table import Row
from scripts.research.runs import configs
from scripts.training.processor import keep_freed_memory

# Overlays.
JOINT, ALONE, ALL = (), ("no_distillation",), ("train_all",)
# The teacher as the only network: it takes the student's place and sees all sequences.
TEACHER_ALONE = {"student": "$@teacher_def.to(@device)", "student_modalities": list(SEQUENCES)}
JOINT_LIMIT, ALL_LIMIT = 1.10, 0.60


def step_rows(repeats: int, seed: int = 0, overrides: dict | None = None) -> list[Row]:
    """Time the four kinds of step in turns, so that other load on the machine affects all alike.

    Networks, losses, optimizer, batch, patch and amp are those of ``configs/train.json``, on the CPU. Data are random:
    rendering is not included.

    Args:
        repeats: measured rounds, after two to warm up.
        seed: of weights, images and labels.
        overrides: other values of config keys.
    """
    keep_freed_memory()
    torch.manual_seed(seed)
    overrides = {"device": "cpu"} | (overrides or {})
    joint, every = Step(JOINT, overrides), Step(ALL, overrides)
    steps = {"joint": joint, "all": every}
    steps |= {"teacher": Step(ALONE, overrides | TEACHER_ALONE), "student": Step(ALONE, overrides)}
    shape = (joint.parser.get_parsed_content("batch_size"), *joint.parser.get_parsed_content("patch_size"))
    image = torch.randn(shape[0], len(SEQUENCES), *shape[1:])
    label = (torch.rand(shape[0], len(REGIONS), *shape[1:]) < 0.05).float()
    seconds = {name: [] for name in steps}
    for number in range(-2, repeats):
        order = list(steps)[number % len(steps) :] + list(steps)[: number % len(steps)]
        for name in order:
            taken = steps[name](image, label)
            if number >= 0:
                seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return ratio_rows(medians, every.network.students_per_step, shape, repeats)


def ratio_rows(seconds: dict[str, float], students: int, shape: tuple[int, ...], repeats: int) -> list[Row]:
    """The rows of the median seconds of a ``joint``, ``all``, ``teacher`` and ``student`` step."""
    apart = seconds["teacher"] + seconds["student"]
    what = f"joint step / (teacher step + student step), batch {' x '.join(map(str, shape))}, median of {repeats}"
    detail = f"{seconds['joint']:.3f} s / ({seconds['teacher']:.3f} s + {seconds['student']:.3f} s)"
    runs = f"step of all students / {students} joint steps, {students} students a step"
    in_one = f"{seconds['all']:.3f} s / ({students} x {seconds['joint']:.3f} s)"
    return [
        Row(what, seconds["joint"] / apart, "{:.3f}", JOINT_LIMIT, detail),
        Row(runs, seconds["all"] / (students * seconds["joint"]), "{:.3f}", ALL_LIMIT, in_one),
    ]


class Step:
    """The optimizer step of ``configs/train.json`` with overlays, as MONAI's ``SupervisedTrainer`` takes it."""

    def __init__(self, overlays: tuple[str, ...], overrides: dict) -> None:
        self.parser = ConfigParser()
        self.parser.read_config(configs(*overlays))
        self.parser.update(overrides)
        self.network = self.parser.get_parsed_content("distiller").train()
        for module in self.network.modules():
            if hasattr(module, "progress"):
                module.progress = 1.0  # every term at its full weight
        self.optimizer = self.parser.get_parsed_content("optimizer")

    def __call__(self, image: torch.Tensor, label: torch.Tensor) -> float:
        """Seconds for image (B, 4, X, Y, Z) and label (B, 3, X, Y, Z)."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.network(image, label)["loss"].backward()
        self.optimizer.step()
        return time.perf_counter() - start

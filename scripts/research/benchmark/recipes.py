# SPDX-License-Identifier: Apache-2.0
"""What each recipe's training step costs beside the control's, and all students in one run beside separate runs."""

import statistics
import time

import torch
from monai.bundle import ConfigParser
from monai.transforms import ResizeWithPadOrCrop

from scripts.common.sequences import REGIONS, SEQUENCES, limited_subsets
from scripts.research.benchmark.step import JOINT, Step
from scripts.research.benchmark.table import Row
from scripts.simulation.maps import make_maps
from scripts.training.processor import keep_freed_memory

RECIPES = {
    name: ("train.json", f"{name}.json")
    for name in (
        *("no_distillation", "kd_net", "emkd", "masked", "prototypes"),
        *("barlow_twins", "cosine", "consistency", "mutual"),
    )
}
CONTROL = "no_distillation"
ALL_LIMIT = 0.60


def recipe_rows(repeats: int, seed: int = 0, overrides: dict | None = None) -> list[Row]:
    """Time one step of every recipe in turns, after the batch is rendered, on the CPU.

    The warm start changes no step. ``emkd`` has a lighter student: it is beside a control of the same size.

    Args:
        repeats: rounds to measure, after one to warm up.
        seed: of weights, images and labels.
        overrides: other values of the config's keys.
    """
    overrides = {"device": "cpu"} | (overrides or {})
    light = {"filters": [8, 16, 32, 64]} | {key: value for key, value in overrides.items() if key == "filters"}
    steps = {name: Step(files, overrides) for name, files in RECIPES.items()}
    steps["light control"] = Step(RECIPES[CONTROL], overrides | light)
    seconds = measure(steps, repeats, seed)
    rows = []
    for name in RECIPES:
        control = "light control" if name == "emkd" else CONTROL
        if name != CONTROL:
            detail = f"{seconds[name]:.3f} s / {seconds[control]:.3f} s"
            what = f"{name} step / {control} step, median of {repeats}"
            rows.append(Row(what, seconds[name] / seconds[control], "{:.2f}", None, detail))
    return rows


def all_students_row(repeats: int, seed: int = 0, overrides: dict | None = None) -> Row:
    """Time a step of ``configs/train_all.json`` beside the joint steps that would give its students as many updates.

    Joint training with Barlow Twins, as the paper has it. Rendering the batch, once for all or for each, is part of it.
    """
    overrides = {"device": "cpu"} | (overrides or {})
    every = Step((*JOINT, "train_all.json"), overrides)
    students = every.network.students_per_step
    steps = {"all": every} | {
        "+".join(setting): Step(JOINT, overrides | {"student_modalities": list(setting)})
        for setting in limited_subsets()
    }
    seconds = measure(steps, repeats, seed)
    joint = statistics.mean(value for name, value in seconds.items() if name != "all")
    return all_students_ratio(seconds["all"], joint, rendering(every.parser, repeats, seed), students)


def all_students_ratio(together: float, joint: float, rendered: float, students: int) -> Row:
    """The row of the seconds of a step of all students, of a joint step, and of rendering the batch of either."""
    ratio = (together + rendered) / (students * (joint + rendered))
    what = f"one run of all students / 14 joint runs, for as many updates, {students} students a step"
    detail = f"({together:.3f} + {rendered:.3f}) s / ({students} x ({joint:.3f} + {rendered:.3f}) s)"
    return Row(what, ratio, "{:.3f}", ALL_LIMIT, detail)


def rendering(parser: ConfigParser, repeats: int, seed: int = 0) -> float:
    """Median seconds to render a batch of a simulated subject as the config's trainer does it."""
    maps, _ = make_maps(seed, parser.get_parsed_content("spacing"))
    patch = ResizeWithPadOrCrop(parser.get_parsed_content("patch_size"))(torch.from_numpy(maps)).as_tensor()
    batch = [{"patch": patch, "label": patch[-1:]}] * parser.get_parsed_content("batch_size")
    prepare = parser.get_parsed_content("train#prepare_batch")
    seconds = []
    for number in range(-1, repeats):
        start = time.perf_counter()
        prepare(batch, "cpu")
        if number >= 0:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(steps: dict[str, Step], repeats: int, seed: int) -> dict[str, float]:
    """Median seconds of each step, in turns, after one round to warm up, with memory kept as trainings keep it."""
    keep_freed_memory()
    torch.manual_seed(seed)
    parser = next(iter(steps.values())).parser
    shape = (parser.get_parsed_content("batch_size"), *parser.get_parsed_content("patch_size"))
    image = torch.randn(shape[0], len(SEQUENCES), *shape[1:])
    label = (torch.rand(shape[0], len(REGIONS), *shape[1:]) < 0.05).float()
    seconds = {name: [] for name in steps}
    for number in range(-1, repeats):
        for name, step in steps.items():
            taken = step(image, label)
            if number >= 0:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}

# SPDX-License-Identifier: Apache-2.0
"""The weights in models/: a teacher and the students of all 14 limited settings, measured three ways; resumable.

What is learnt from one subset of the sequences serves the others, so most of the steps go to one network for any
subset, first on simulated subjects, then with real ones beside them; the teacher and each student start from it and
are trained for their own sequences.

``python -m scripts.research.train_weights`` trains with the small-machine profile, configs/weights.json, whose key ``weights``
is the plan; ``--config configs/weights_gpu.json`` is for a GPU. The same command goes on where it was stopped.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT
from scripts.networks.any_subset import FILE
from scripts.research.publish_weights import collect, publish
from scripts.research.runs import evaluate, run_all, train_once

ALL = "all"
"""In place of a fold: trained on all real subjects, which is what is published."""
SIMULATED = "simulated"
"""In place of a fold: trained on simulated subjects only."""
PLAN = {"real", "folds", "any_subset", "any_subset_real", "networks", "networks_real"}
"""What the plan says: folder of real subjects or null, number of folds, and the keys of each stage; of the network for
any subset a list of stages, each of which goes on from the one before."""


@dataclass(frozen=True)
class WeightsRun:
    """A profile and where its trainings lie.

    Attributes:
        config: the profile: an overlay with the common keys and, under ``weights``, the plan.
        work: folder of the trainings, with a folder for each choice of training data: ``simulated`` for simulated
            subjects only, ``all`` for these and all real ones, ``fold0`` ... for those and the real ones but a fold's.
    """

    config: str
    work: Path

    @property
    def plan(self) -> dict:
        """``weights`` of the profile."""
        return json.loads(Path(self.config).read_text())["weights"]

    @property
    def folds(self) -> list[str]:
        """``all``, ``fold0``, ...; empty without real subjects."""
        return [ALL, *(f"fold{fold}" for fold in range(self.plan["folds"]))] if self.plan["real"] else []

    def any_subset(self, data: str) -> list[Path]:
        """Files of the network for any subset, one after each of its stages on these data."""
        numbers = range(1, len(self.stage(data, "any_subset")) + 1)
        return [self.work / data / f"training_any_subset_{number}" / FILE for number in numbers]

    def overlays(self, data: str) -> tuple[str, ...]:
        """The overlay that adds the real subjects, where they are part of the data."""
        return () if data == SIMULATED else ("with_real",)

    def stage(self, data: str, name: str) -> dict | list[dict]:
        """What the plan says of a stage on these data."""
        return self.plan[name if data == SIMULATED else f"{name}_real"]

    def keys(self, data: str) -> dict:
        """The keys that all stages on these data share: those of the profile and the real subjects'."""
        common = json.loads(Path(self.config).read_text())
        plan = common.pop("weights")
        keys = {"bundle_root": str(ROOT)} | common
        if data == SIMULATED:
            return keys
        number = None if data == ALL else self.folds.index(data) - 1
        return keys | {"real#dataset_dir": plan["real"], "real#split#fold": number, "real#split#folds": plan["folds"]}


def train_any_subset(run: WeightsRun, data: str) -> None:
    """The network that all others start from (`scripts.networks.any_subset`): from random weights on simulated subjects, which
    are made first; further on real ones beside them, from what that gave."""
    start = None if data == SIMULATED else str(run.any_subset(SIMULATED)[-1].parent)
    for file, stage in zip(run.any_subset(data), run.stage(data, "any_subset")):
        keys = run.keys(data) | {"start_from": start} | stage
        train_once(("any_subset", *run.overlays(data)), file.parent, keys)
        start = str(file.parent)


def train_networks(run: WeightsRun, data: str) -> None:
    """The teacher and all students, beside each other, each from the weights of the network for any subset."""
    output = run.work / data / "training_networks"
    start = {
        "teacher_training": "joint",
        "teacher_from": str(run.any_subset(data)[-1]),
        "warm_start": True,
        "provenance#recipe": "warm start from a network for any subset of the sequences, no distillation",
    }
    train_once(("train_all", *run.overlays(data)), output, run.keys(data) | run.stage(data, "networks") | start)
    collect(output, run.work / data)


def measure(run: WeightsRun, networks: str, name: str, keys: dict) -> None:
    """Evaluate the 15 networks of a folder; cases.csv goes to its ``<name>``."""
    folder = run.work / networks
    measured = folder / name / "measured"
    if not measured.is_file():  # cases.csv grows while it is written, and a kill leaves a part of it
        here = {"ckpt_dir": str(folder), "teacher_from": str(folder), "teacher_training": "frozen", "report": False}
        evaluate(("train_all",), folder / name, run.keys(SIMULATED) | here | keys)
        measured.touch()


def measurements(run: WeightsRun) -> list[tuple[str, str, dict]]:
    """What is measured: folder of networks, name, keys. The networks as they are, the published ones once more with ET
    only where it enhances."""
    as_they_are = {"et_least_contrast": 0}
    published = run.folds[0] if run.folds else SIMULATED
    wanted = [(published, "on_simulated", as_they_are), (published, "on_simulated_enhancing", {})]
    if run.folds:
        every = {"dataset_dir": run.plan["real"], "part": "all"}
        fold_of = {
            "dataset_dir": run.plan["real"],
            "split#validation": 0,
            "split#folds": run.plan["folds"],
        } | as_they_are
        wanted += [(ALL, "on_real", every | as_they_are), (ALL, "on_real_enhancing", every)]
        wanted += [(SIMULATED, "on_real", every | as_they_are)]
        wanted += [(name, "on_real", fold_of | {"split#fold": fold}) for fold, name in enumerate(run.folds[1:])]
    return wanted


def phases(run: WeightsRun) -> list[list[tuple]]:
    """(name, function, arguments) of every task; all of one list must be done before the next begins."""
    everything = [SIMULATED, *run.folds]
    any_subset = [(f"network for any subset, {data}", train_any_subset, (run, data)) for data in everything]
    networks = [(f"teacher and students, {data}", train_networks, (run, data)) for data in everything]
    return [
        any_subset[:1],
        any_subset[1:] + networks[:1],
        networks[1:],
        [(f"measure {what} {name}", measure, (run, what, name, keys)) for what, name, keys in measurements(run)],
    ]


def train_weights(config: str, work: str, models: str, results: str, workers: int) -> None:
    """Train, measure and publish what is left of a profile.

    Args:
        config: the profile.
        work: folder of the trainings.
        models, results: folders of the published weights and of their cases.
        workers: trainings at a time, which share the cores.

    Raises:
        UserError: real subjects that are not there, a misspelt key of the plan, or, without real subjects, results of
            networks that had some.
    """
    run = WeightsRun(config, Path(work).absolute())
    real = run.plan["real"]
    if real is not None and not Path(real).is_dir():
        raise UserError(
            f"{real} does not exist: correct weights#real in {config}, or set it to null to train on simulated "
            "subjects only."
        )
    measured = [] if real else sorted(Path(results).glob("real_*.csv"))
    if measured:
        raise UserError(
            f"{measured[0]} is of networks that were trained with real subjects too, and weights#real is null in "
            f"{config}: choose another --results (and --models)."
        )
    _check_stages(run.plan, config)
    for tasks in phases(run):
        run_all(tasks, workers)
    came_through = [file for data in (SIMULATED, *run.folds[:1]) for file in run.any_subset(data)]
    publish(run.work, run.folds, came_through, Path(models), Path(results))


def _check_stages(plan: dict, config: str) -> None:
    stages = {stage for stage in PLAN - {"real", "folds"} if plan["real"] or not stage.endswith("_real")}
    if unknown := sorted(plan.keys() - PLAN):
        raise UserError(f"Nothing reads weights#{unknown[0]} in {config}: it may have {', '.join(sorted(PLAN))}.")
    if missing := sorted(stages - plan.keys()):
        raise UserError(f"weights#{missing[0]} is missing in {config}: give the keys of this stage.")
    for name in sorted(stage for stage in stages if stage.startswith("any_subset")):
        if not (isinstance(plan[name], list) and plan[name]):
            raise UserError(f"weights#{name} in {config} must be a list of one stage or more: [{{keys}}, ...].")


def main(arguments: list[str] | None = None) -> None:
    """Train the published weights."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.train_weights", description=main.__doc__)
    parser.add_argument("--config", default=str(ROOT / "configs" / "weights.json"), help="the profile")
    parser.add_argument("--work", help="folder of the trainings (default: output/<name of the profile>)")
    parser.add_argument("--models", default=str(ROOT / "models"), help="where the weights go")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="where their cases.csv go")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    options = parser.parse_args(arguments)
    work = options.work or ROOT / "output" / Path(options.config).stem
    train_weights(options.config, work, options.models, options.results, options.workers)
    print(
        "Now list the new weights with `python -m scripts.common.large_files write --url ...`, and bring the documents up to "
        "date with `python -m scripts.research.accuracy`."
    )


if __name__ == "__main__":
    install_error_hook()
    main()

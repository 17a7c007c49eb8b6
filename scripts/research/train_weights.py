# SPDX-License-Identifier: Apache-2.0
"""Train, evaluate and publish the weights in ``models/``: a teacher and 14 students; resumable.

Most steps train one network for any subset of the sequences (`scripts.networks.any_subset`), first on simulated
subjects, then with real ones added. The teacher and each student start from its weights.

``python -m scripts.research.train_weights`` follows ``plans/weights.json``; ``--plan
scripts/research/plans/weights_gpu.json`` is for a GPU. The same command resumes an interrupted run.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT
from scripts.networks.any_subset import FILE
from scripts.research.publish_weights import collect, publish
from scripts.research.runs import PLANS, evaluate_once, run_all, train_once

# Names of training data beside ``fold0``, ...: simulated and all real subjects (published), simulated ones only.
ALL, SIMULATED = "all", "simulated"
SETTINGS = {"real", "folds", "keys"}
STAGES = {"any_subset", "any_subset_real", "networks", "networks_real"}
# The overlays of the teacher and the students.
STUDENTS = ("no_distillation", "train_all")
# limit of the rule for enhancement (scripts/inference/enhancement.py) in the tables that show it
LEAST_CONTRAST = 1.4


@dataclass(frozen=True)
class WeightsRun:
    """A plan and the folder of its trainings.

    A plan is a JSON file with ``real`` (folder of real subjects, or null), ``folds`` (of their cross-validation),
    ``keys`` (config keys of all trainings), and the keys of each stage: ``any_subset`` and ``any_subset_real`` (lists,
    each training starts from the one before), ``networks`` and ``networks_real``.

    Attributes:
        plan: its content.
        work: folder of the trainings, with a folder for each choice of training data: ``simulated``, ``all``,
            ``fold0``, ... (simulated and real subjects without those of one fold).
    """

    plan: dict
    work: Path

    @property
    def folds(self) -> list[str]:
        """``all``, ``fold0``, ...; empty without real subjects."""
        return [ALL, *(f"fold{fold}" for fold in range(self.plan["folds"]))] if self.plan["real"] else []

    def any_subset(self, data: str) -> list[Path]:
        """Weight files of the any-subset network, one for each stage on these data."""
        numbers = range(1, len(self.stage(data, "any_subset")) + 1)
        return [self.work / data / f"training_any_subset_{number}" / FILE for number in numbers]

    def overlays(self, data: str) -> tuple[str, ...]:
        """The overlay that adds real subjects, where these data have some."""
        return () if data == SIMULATED else ("with_real",)

    def stage(self, data: str, name: str) -> dict | list[dict]:
        """The keys of a stage on these data."""
        return self.plan[name if data == SIMULATED else f"{name}_real"]

    def keys(self, data: str) -> dict:
        """The keys of all stages on these data."""
        keys = {"bundle_root": str(ROOT)} | self.plan["keys"]
        if data == SIMULATED:
            return keys
        number = None if data == ALL else self.folds.index(data) - 1
        return keys | {
            "real#dataset_dir": self.plan["real"],
            "real#split#fold": number,
            "real#split#folds": self.plan["folds"],
        }


def train_any_subset(run: WeightsRun, data: str) -> None:
    """Train the any-subset network: on simulated subjects from random weights, with real ones from that network."""
    start = None if data == SIMULATED else str(run.any_subset(SIMULATED)[-1].parent)
    for file, stage in zip(run.any_subset(data), run.stage(data, "any_subset")):
        keys = run.keys(data) | {"warm_start": False, "start_from": start} | stage
        train_once(("any_subset", *run.overlays(data)), file.parent, keys)
        start = str(file.parent)


def train_networks(run: WeightsRun, data: str) -> None:
    """Train the teacher and all students on the same batches without distillation, from the any-subset network."""
    output = run.work / data / "training_networks"
    start = {
        "teacher_training": "joint",
        "warm_start": True,
        "teacher_from": str(run.any_subset(data)[-1]),
        "provenance#recipe": "warm start from a network for any subset of the sequences, no distillation",
    }
    train_once((*STUDENTS, *run.overlays(data)), output, run.keys(data) | run.stage(data, "networks") | start)
    collect(output, run.work / data)


def evaluate(run: WeightsRun, networks: str, name: str, keys: dict) -> None:
    """Evaluate the 15 networks of a folder of ``run.work``; the results go to its subfolder ``name``."""
    folder = run.work / networks
    here = {"ckpt_dir": str(folder), "teacher_from": str(folder), "teacher_training": "frozen"}
    evaluate_once(STUDENTS, folder / name, run.keys(SIMULATED) | here | keys)


def evaluations(run: WeightsRun) -> list[tuple[str, str, dict]]:
    """(folder of networks, name, keys) of each evaluation: all without, the published ones also with the ET rule."""
    without_rule, with_rule = {"et_least_contrast": 0}, {"et_least_contrast": LEAST_CONTRAST}
    published = run.folds[0] if run.folds else SIMULATED
    wanted = [(published, "on_simulated", without_rule), (published, "on_simulated_enhancing", with_rule)]
    if run.folds:
        real = {"dataset_dir": run.plan["real"]}
        every = real | {"part": "all"}
        fold = real | {"split#validation": 0, "split#folds": run.plan["folds"]}
        wanted += [(ALL, "on_real", every | without_rule), (ALL, "on_real_enhancing", every | with_rule)]
        wanted += [(SIMULATED, "on_real", every | without_rule)]
        wanted += [
            (name, "on_real", fold | without_rule | {"split#fold": number}) for number, name in enumerate(run.folds[1:])
        ]
    return wanted


def phases(run: WeightsRun) -> list[list[tuple]]:
    """(name, function, arguments) of every task; a list starts when the one before is done."""
    data = [SIMULATED, *run.folds]
    any_subset = [(f"any-subset network, {name}", train_any_subset, (run, name)) for name in data]
    networks = [(f"teacher and students, {name}", train_networks, (run, name)) for name in data]
    return [
        any_subset[:1],
        any_subset[1:] + networks[:1],
        networks[1:],
        [(f"evaluate {what} {name}", evaluate, (run, what, name, keys)) for what, name, keys in evaluations(run)],
    ]


def train_weights(plan: str | Path, work: str | Path, models: str | Path, results: str | Path, workers: int) -> None:
    """Do what is left of a plan: train, evaluate and publish.

    Args:
        plan: the JSON file, see `WeightsRun`.
        work: folder of the trainings.
        models, results: folders of the published weights and of their results.
        workers: trainings at a time, which share the cores.

    Raises:
        UserError: a wrong plan, missing real subjects, or, without real subjects, results of networks that had some.
    """
    run = WeightsRun(_read_plan(plan), Path(work).absolute())
    stored = [] if run.plan["real"] else sorted(Path(results).glob("real_*.csv"))
    if stored:
        raise UserError(
            f"{stored[0]} has results of networks that were trained with real subjects, and 'real' is null in {plan}: "
            "choose another --results (and --models)."
        )
    for tasks in phases(run):
        run_all(tasks, workers)
    shared = [file for data in (SIMULATED, *run.folds[:1]) for file in run.any_subset(data)]
    publish(run.work, run.folds, shared, Path(models), Path(results))


def _read_plan(path: str | Path) -> dict:
    plan = json.loads(Path(path).read_text())
    if unknown := sorted(plan.keys() - SETTINGS - STAGES):
        raise UserError(
            f"{path} has the unknown key '{unknown[0]}': it may have {', '.join(sorted(SETTINGS | STAGES))}."
        )
    needed = SETTINGS | {stage for stage in STAGES if plan.get("real") or not stage.endswith("_real")}
    if missing := sorted(needed - plan.keys()):
        raise UserError(f"{path} lacks the key '{missing[0]}': add it.")
    for name in sorted(stage for stage in needed if stage.startswith("any_subset")):
        if not (isinstance(plan[name], list) and plan[name]):
            raise UserError(f"'{name}' in {path} must be a list of one stage or more: [{{keys}}, ...].")
    if plan["real"] is not None and not Path(plan["real"]).is_dir():
        raise UserError(
            f"{plan['real']} does not exist: correct 'real' in {path}, or set it to null to train on simulated "
            "subjects only."
        )
    return plan


def main(arguments: list[str] | None = None) -> None:
    """Train, evaluate and publish the weights."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.train_weights", description=main.__doc__)
    parser.add_argument("--plan", default=str(PLANS / "weights.json"), help="JSON file (default: plans/weights.json)")
    parser.add_argument("--work", help="folder of the trainings (default: output/<name of the plan>)")
    parser.add_argument("--models", default=str(ROOT / "models"), help="folder for the weights")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="folder for the results")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    options = parser.parse_args(arguments)
    work = options.work or ROOT / "output" / Path(options.plan).stem
    train_weights(options.plan, work, options.models, options.results, options.workers)
    print(
        "Next: list the new weights with `python -m scripts.common.large_files write --url ...`, and update the "
        "documents with `python -m scripts.research.accuracy`."
    )


if __name__ == "__main__":
    install_error_hook()
    main()

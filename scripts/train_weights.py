# SPDX-License-Identifier: Apache-2.0
"""The weights in models/: a teacher and the students of all 14 limited settings, measured three ways; resumable.

``python -m scripts.train_weights`` trains with the small-machine profile, configs/weights.json, whose key ``weights``
is the plan; ``--config configs/weights_gpu.json`` is for a GPU. The same command goes on where it was stopped.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import UserError, speak_plainly
from scripts.publish_weights import collect, publish
from scripts.runs import ROOT, evaluate, run_all, train_once
from scripts.sequences import limited_settings

ALL = "all"
"""In place of a fold: trained on all real subjects, which is what is published."""


@dataclass(frozen=True)
class WeightsRun:
    """A profile and where its trainings lie.

    Attributes:
        config: the profile: an overlay with the common keys and, under ``weights``, the plan.
        work: folder of the trainings. In it ``simulated`` has the 15 networks that saw simulated subjects only, ``all``
            those that went on with all real subjects beside them, and ``fold0`` ... those that did without a fold.
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

    def keys(self, stage: str) -> dict:
        """The keys of a stage, over those that all stages share."""
        common = json.loads(Path(self.config).read_text())
        plan = common.pop("weights")
        return {"bundle_root": str(ROOT)} | common | plan.get(stage, {})

    def real(self, fold: str) -> dict:
        """Keys of ``with_real.json``, the real subjects of all folds but this one."""
        number = None if fold == ALL else self.folds.index(fold) - 1
        return {
            "real#dataset_dir": self.plan["real"],
            "real#split#fold": number,
            "real#split#folds": self.plan["folds"],
        }


def train_teacher(run: WeightsRun) -> None:
    """The teacher, on simulated subjects, which are made first."""
    output = run.work / "simulated" / "training_teacher"
    train_once(("train_teacher",), output, run.keys("teacher"))
    collect(output, run.work / "simulated")


def train_students(run: WeightsRun, group: int) -> None:
    """One group of the students, on simulated subjects."""
    output = run.work / "simulated" / f"training_students{group}"
    settings = [list(setting) for setting in limited_settings()[group :: run.plan["student_groups"]]]
    keys = {"student_settings": settings, "students_per_step": len(settings)}
    keys |= {"teacher_from": str(run.work / "simulated" / "training_teacher")}
    train_once((*run.plan["recipe"], "train_all"), output, run.keys("students") | keys)
    collect(output, run.work / "simulated")


def train_teacher_on_real(run: WeightsRun, fold: str) -> None:
    """The teacher, further, on real subjects beside simulated ones."""
    output = run.work / fold / "training_teacher"
    keys = run.keys("teacher_real") | run.real(fold)
    keys |= {"start_from": str(run.work / "simulated" / "training_teacher")}
    train_once(("train_teacher", "with_real"), output, keys)
    collect(output, run.work / fold)


def train_students_on_real(run: WeightsRun, fold: str) -> None:
    """All students, further, on real subjects beside simulated ones."""
    output = run.work / fold / "training_students"
    keys = run.keys("students_real") | run.real(fold) | {"start_from": str(run.work / "simulated")}
    keys |= {"teacher_from": str(run.work / fold / "training_teacher")}
    train_once((*run.plan["recipe"], "train_all", "with_real"), output, keys)
    collect(output, run.work / fold)


def measure(run: WeightsRun, networks: str, name: str, keys: dict) -> None:
    """Evaluate the 15 networks of a folder; cases.csv goes to its ``<name>``."""
    folder = run.work / networks
    measured = folder / name / "measured"
    if not measured.is_file():  # cases.csv grows while it is written, and a kill leaves a part of it
        here = {"ckpt_dir": str(folder), "teacher_from": str(folder), "teacher_training": "frozen", "report": False}
        evaluate(("train_all",), folder / name, run.keys("") | here | keys)
        measured.touch()


def measurements(run: WeightsRun) -> list[tuple[str, str, dict]]:
    """What is measured: folder of networks, name, keys."""
    if not run.folds:
        return [("simulated", "on_simulated", {})]
    real = {"dataset_dir": run.plan["real"]}
    number = {"split#validation": 0, "split#folds": run.plan["folds"]}
    return [
        (ALL, "on_simulated", {}),
        (ALL, "on_real", real | {"part": "all"}),
        ("simulated", "on_real", real | {"part": "all"}),
        *((name, "on_real", real | number | {"split#fold": fold}) for fold, name in enumerate(run.folds[1:])),
    ]


def phases(run: WeightsRun) -> list[list[tuple]]:
    """(name, function, arguments) of every task; all of one list must be done before the next begins."""
    groups = range(run.plan["student_groups"])
    return [
        [("teacher", train_teacher, (run,))],
        [(f"students, group {group}", train_students, (run, group)) for group in groups]
        + [(f"teacher with real subjects, {fold}", train_teacher_on_real, (run, fold)) for fold in run.folds],
        [(f"students with real subjects, {fold}", train_students_on_real, (run, fold)) for fold in run.folds],
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
        UserError: real subjects that are not there.
    """
    run = WeightsRun(config, Path(work).absolute())
    real = run.plan["real"]
    if real is not None and not Path(real).is_dir():
        raise UserError(
            f"{real} does not exist: correct weights#real in {config}, or set it to null to train on simulated "
            "subjects only."
        )
    for tasks in phases(run):
        run_all(tasks, workers)
    publish(run.work, run.folds, Path(models), Path(results))


def main(arguments: list[str] | None = None) -> None:
    """Train the published weights."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_weights", description=main.__doc__)
    parser.add_argument("--config", default=str(ROOT / "configs" / "weights.json"), help="the profile")
    parser.add_argument("--work", default=str(ROOT / "output" / "weights"), help="folder of the trainings")
    parser.add_argument("--models", default=str(ROOT / "models"), help="where the weights go")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="where their cases.csv go")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    options = parser.parse_args(arguments)
    train_weights(options.config, options.work, options.models, options.results, options.workers)


if __name__ == "__main__":
    speak_plainly()
    main()

# SPDX-License-Identifier: Apache-2.0
"""Train, evaluate and publish the weights in ``models/``: an any-subset network, a teacher and 14 students; resumable.

A network for any subset of the sequences is trained first (`scripts.networks.any_subset`). The teacher and the students
start from its weights and are trained together, with distillation. The same is done without the subjects of each fold,
to measure on these subjects what networks made in this way are worth.

``python -m scripts.research.train_weights`` follows ``plans/weights.json``. The same command resumes an interrupted
run; ``--only all fold0`` trains these networks alone.
"""

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT, save_atomically
from scripts.common.json_files import read_given_json
from scripts.networks.any_subset import FILE
from scripts.research import real_subjects
from scripts.research.plan_entries import check_entries
from scripts.research.publish_weights import collect, publish
from scripts.research.real_subjects import ALL, gather
from scripts.research.runs import PLANS, ensure_simulated, evaluate_once, run_all, train_once
from scripts.research.stored_networks import short_hash, take, train_or_take

# Networks of a plan without real subjects.
SIMULATED = "simulated"
ENTRIES = {"start", "real", "keys", "any_subset", "networks"}
# The overlay of the teacher and the students, which keeps the distillation of train.json.
STUDENTS = ("train_all",)


@dataclass(frozen=True)
class WeightsRun:
    """A plan and the folder of its trainings.

    A plan is a JSON file with these entries:

    - ``start``: the weights that the first stage starts from, a teacher's in an earlier commit (``<commit>:<path>``).
      Null for random weights.
    - ``real``: the real subjects, see `scripts.research.real_subjects.gather`. Null for none.
    - ``keys``: config keys of all trainings.
    - ``any_subset``: a list of stages, each with its own keys. Each starts from the one before.
    - ``networks``: the keys of the training of teacher and students, which starts from the last stage.

    Attributes:
        plan: its content.
        work: folder of the trainings, with a folder for each name in `names`.
        results: folder of the results, which also keeps the stages of the any-subset network for other machines.
        names: ``all`` (trained on every real subject; published) and ``fold0``, ... (without those of one fold), or
            ``simulated`` in a plan without real subjects.
    """

    plan: dict
    work: Path
    results: Path
    names: tuple[str, ...]

    @property
    def overlays(self) -> tuple[str, ...]:
        """The overlay that adds real subjects, if there are any."""
        return ("with_real",) if self.plan["real"] else ()

    def any_subset(self, name: str) -> list[Path]:
        """Weight files of the any-subset network, one for each stage."""
        numbers = range(1, len(self.plan["any_subset"]) + 1)
        return [self.work / name / f"training_any_subset_{number}" / FILE for number in numbers]

    def stored(self, name: str, number: int) -> Path:
        """Where a stage of the any-subset network is stored, such as ``weights_starts/fold1_stage2_1a2b3c4d``."""
        given = [self.plan["start"], self.plan["real"], self.plan["keys"], self.plan["any_subset"][:number]]
        return self.results / "weights_starts" / f"{name}_stage{number}_{short_hash(given)}"

    def networks(self, name: str) -> Path:
        """Folder of the training of teacher and students."""
        return self.work / name / "training_networks"

    @property
    def start(self) -> Path:
        """The weights that the first stage starts from, after `extract_start`."""
        return self.work / "start" / Path(self.plan["start"]).name

    def keys(self, name: str) -> dict:
        """The keys of all stages of these networks."""
        keys = {"bundle_root": str(ROOT)} | self.plan["keys"]
        if not self.plan["real"]:
            return keys
        return keys | {"real#dataset_dir": str(self.subjects), "real#split#split_file": str(self.split_file(name))}

    def test_keys(self, name: str) -> dict:
        """The keys of an evaluation on the subjects of a fold."""
        split = str(self.split_file(name))
        return {"dataset_dir": str(self.subjects), "split#split_file": split, "part": "test"}

    @property
    def subjects(self) -> Path:
        """The folder of all real subjects."""
        return self.work / "real" / "subjects"

    def split_file(self, name: str) -> Path:
        """The split file of a fold."""
        return self.work / "real" / f"{name}.json"


def train_any_subset(run: WeightsRun, name: str) -> None:
    """Train the any-subset network, stage by stage, from the last stage that is stored."""
    start = {"warm_start": bool(run.plan["start"]), "start_from": None}
    if run.plan["start"]:
        start["teacher_from"] = str(run.start)
    stages = list(enumerate(zip(run.any_subset(name), run.plan["any_subset"]), 1))
    stored = max((number for number, _ in stages if any(run.stored(name, number).glob("*.pt"))), default=1)
    for number, (file, _) in stages[: stored - 1]:
        take(run.stored(name, number), file.parent)  # its record becomes part of the published one
    for number, (file, stage) in stages[stored - 1 :]:
        keys = run.keys(name) | start | stage
        train_or_take(("any_subset", *run.overlays), file.parent, keys, run.stored(name, number))
        start = {"warm_start": False, "start_from": str(file.parent)}


def train_networks(run: WeightsRun, name: str) -> None:
    """Train the teacher and all students on the same batches, with distillation, from the any-subset network."""
    start = {"warm_start": True, "teacher_from": str(run.any_subset(name)[-1])}
    train_once((*STUDENTS, *run.overlays), run.networks(name), run.keys(name) | run.plan["networks"] | start)


def evaluate(run: WeightsRun, name: str, result: str, keys: dict) -> None:
    """Evaluate the teacher and the students as they are published; the results go to the subfolder ``result``."""
    folder = run.work / name
    collect(run.networks(name), folder)
    collect(run.any_subset(name)[-1].parent, folder)
    here = {"ckpt_dir": str(folder), "teacher_from": str(folder)}
    evaluate_once((*STUDENTS, *run.overlays), folder / result, run.keys(name) | here | keys)


def evaluations(run: WeightsRun) -> list[tuple[str, str, dict]]:
    """(name of the networks, of the result, keys): the published ones on simulated subjects, each fold on its own.

    The stored tables are without post-processing.
    """
    plain = {"et_by_contrast": False}
    wanted = []
    for name in run.names:
        if name in (ALL, SIMULATED):
            wanted.append((name, "on_simulated", plain))
        else:
            wanted.append((name, "on_real", plain | run.test_keys(name)))
    return wanted


def phases(run: WeightsRun) -> list[list[tuple]]:
    """(name, function, arguments) of every task; a list starts when the one before is done."""
    return [
        [(f"any-subset network, {name}", train_any_subset, (run, name)) for name in run.names],
        [(f"teacher and students, {name}", train_networks, (run, name)) for name in run.names],
        [(f"evaluate {name} {result}", evaluate, (run, name, result, keys)) for name, result, keys in evaluations(run)],
    ]


def train_weights(
    plan: str | Path,
    work: str | Path,
    models: str | Path,
    results: str | Path,
    workers: int,
    only: list[str] | None = None,
) -> None:
    """Do what is left of a plan: train, evaluate and publish.

    Args:
        plan: the JSON file, see `WeightsRun`.
        work: folder of the trainings.
        models, results: folders of the published weights and of their results.
        workers: trainings at a time, which share the cores.
        only: names of the networks to train and evaluate; all by default. What the others have stored is kept.

    Raises:
        UserError: a wrong plan, missing real subjects, or an unknown name.
    """
    run = read_run(plan, work, results, only)
    content, names = run.plan, run.names
    if content["start"]:
        extract_start(content["start"], run.start)
    ensure_simulated((*STUDENTS, *run.overlays), run.keys(names[0]))
    for tasks in phases(run):
        run_all(tasks, workers)
    stages = [path for path in run.any_subset(names[0]) if path.is_file()]  # those before a stored one may be missing
    shared = ([run.start] if content["start"] else []) + stages
    same_patient = (content["real"] or {}).get("same_patient", ())
    publish(run.work, run.names, shared, Path(models), run.results, same_patient)


def read_run(plan: str | Path, work: str | Path, results: str | Path, only: list[str] | None = None) -> WeightsRun:
    """Read a plan, and gather its real subjects in ``work``.

    Raises:
        UserError: as of `train_weights`.
    """
    content, work = _read_plan(plan), Path(work).absolute()
    names = gather(content["real"], work / "real") if content["real"] else [SIMULATED]
    if unknown := sorted(set(only or ()) - set(names)):
        raise UserError(f"{plan} has no networks '{unknown[0]}': choose from {', '.join(names)}.")
    chosen = tuple(name for name in names if name in (only or names))
    return WeightsRun(content, work, Path(results).absolute(), chosen)


def extract_start(source: str, file: Path) -> None:
    """Write weights of an earlier commit, ``<commit>:<path>``, and their record to ``file`` and beside it.

    Raises:
        UserError: git has no such file.
    """
    for ending in (".pt", ".json"):
        path = f"{source.removesuffix('.pt')}{ending}"
        shown = subprocess.run(["git", "-C", str(ROOT), "show", path], capture_output=True)
        if shown.returncode:
            raise UserError(f"git has no {path}: correct 'start' in the plan, and use a clone with its history.")
        save_atomically(file.with_suffix(ending), lambda to, data=shown.stdout: to.write_bytes(data))


def _read_plan(path: str | Path) -> dict:
    plan = read_given_json(path)
    check_entries(path, "", plan, ENTRIES, ENTRIES)
    if plan["real"]:
        check_entries(path, "real#", plan["real"], real_subjects.ENTRIES, real_subjects.NEEDED)
    if not (isinstance(plan["any_subset"], list) and plan["any_subset"]):
        raise UserError(f"'any_subset' in {path} must be a list of one stage or more: [{{keys}}, ...].")
    if not isinstance(plan["networks"], dict):
        raise UserError(f"'networks' in {path} must be an object with the keys of one training: {{...}}.")
    return plan


def main(arguments: list[str] | None = None) -> None:
    """Train, evaluate and publish the weights."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.train_weights", description=main.__doc__)
    parser.add_argument("--plan", default=str(PLANS / "weights.json"), help="JSON file (default: plans/weights.json)")
    parser.add_argument("--work", help="folder of the trainings (default: output/<name of the plan>)")
    parser.add_argument("--models", default=str(ROOT / "models"), help="folder for the weights")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="folder for the results")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    parser.add_argument("--only", nargs="+", help="networks to train: all, fold0, ... (default: every one)")
    options = parser.parse_args(arguments)
    work = options.work or ROOT / "output" / Path(options.plan).stem
    train_weights(options.plan, work, options.models, options.results, options.workers, options.only)
    print(
        "Next: list the new weights with `python -m scripts.common.large_files write --url ...`, and update the "
        "documents with `python -m scripts.research.accuracy`."
    )


if __name__ == "__main__":
    install_error_hook()
    main()

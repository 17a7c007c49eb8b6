# SPDX-License-Identifier: Apache-2.0
"""From trained networks to what is published: small weight files, each with its history, and the stored cases."""

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import torch

from scripts.common.files import ROOT, save_atomically
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.common.weights import provenance_of, provenance_path, student_file
from scripts.evaluation.summary import read_cases, write_cases

HEADLINE = ("t1ce", "flair")
"""The setting of ``models/model.pt``: that of Choi et al. 2023."""
OF_A_STAGE = (
    *("recipe", "dataset", "training_subjects", "real_subjects", "real_share", "unenhanced", "learning_rate", "seed"),
)
"""What differs from one stage of the training to the next, beside the steps."""


def collect(output: Path, folder: Path) -> None:
    """Copy a training's networks, each with its provenance, into the folder where those of several come together.

    The copies are rounded to float16 (`halved`), so that what is measured is what is published.
    """
    for path in sorted(output.glob("*.pt")):
        if path.name != "last.pt":
            state, record = halved(torch.load(path, weights_only=True)), provenance_path(path)
            save_atomically(folder / record.name, lambda to, record=record: shutil.copyfile(record, to))
            save_atomically(folder / path.name, lambda to, state=state: torch.save(state, to))


def halved(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict in float16, half the size; a layer that stands in it under two names is stored once."""
    once = {}
    return {
        name: (
            once.setdefault((tensor.data_ptr(), tensor.shape), tensor.half()) if tensor.is_floating_point() else tensor
        )
        for name, tensor in state.items()
    }


def provenance(stages: list[dict]) -> dict:
    """What is said beside a weight file.

    Args:
        stages: what was written beside the network at the end of each stage of its training, in order.
    """
    left_out = (*OF_A_STAGE[1:], "epochs", "steps_per_epoch", "epoch", "settings", "students_per_step")
    left_out += ("start_from", "teacher_from", "warm_start")  # folders of one machine, which the stages stand for
    last = {key: value for key, value in stages[-1].items() if key not in left_out and not key.endswith("_dice")}
    history = [{key: stage[key] for key in OF_A_STAGE if key in stage} | {"steps": _steps(stage)} for stage in stages]
    version = json.loads((ROOT / "configs" / "metadata.json").read_text())["version"]
    return last | {"stages": history, "stored_as": "float16", "version": version, "commit": commit()}


def _steps(stage: dict) -> int:
    """Until the epoch whose weights were kept; of students that learn in turns, a student's own."""
    steps = stage["epoch"] * stage["steps_per_epoch"]
    if "students_per_step" not in stage or stage["sequences"] == list(SEQUENCES):
        return steps
    return steps * stage["students_per_step"] // len(stage["settings"])


def commit() -> str | None:
    """The commit of this folder, with ``-dirty`` if it was changed since; None outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def publish(work: Path, folds: list[str], came_through: list[Path], models: Path, results: Path) -> None:
    """Write the 15 networks to ``models`` and the cases of their measurements to ``results``.

    Args:
        work: folder of `scripts.research.train_weights`.
        folds: of its trainings with real subjects, the first the one with all; empty without.
        came_through: weight files of the stages that all networks share, in order.
        models: gets ``teacher.pt``, ``model.pt`` (T1ce + FLAIR) and ``model_<sequences>.pt``, each with its ``.json``.
        results: gets ``simulated.csv`` and, with real subjects, ``real_kfold.csv`` (each subject by networks that have
            not seen it), ``real_seen.csv`` (by the published ones, which have) and ``real_unseen_training.csv`` (by
            networks that have seen simulated subjects only), all of the networks as they are; and those of the
            published ones once more with ET only where it enhances (`scripts.inference.enhancement`), as ``..._enhancing.csv``.
    """
    last = work / (folds[0] if folds else "simulated")
    common = [provenance_of(path) for path in came_through]
    for sequences in (SEQUENCES, *limited_subsets()):
        name = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
        published = models / ("model.pt" if sequences == HEADLINE else name)
        text = json.dumps(provenance([*common, provenance_of(last / name)]), indent=4) + "\n"
        save_atomically(provenance_path(published), lambda file, text=text: file.write_text(text))
        save_atomically(published, lambda file, name=name: shutil.copyfile(last / name, file))
    _store(results / "simulated.csv", [last / "on_simulated"])
    _store(results / "simulated_enhancing.csv", [last / "on_simulated_enhancing"])
    if folds:
        _store(results / "real_seen_enhancing.csv", [last / "on_real_enhancing"])
        _store(results / "real_kfold.csv", [work / fold / "on_real" for fold in folds[1:]])
        _store(results / "real_seen.csv", [last / "on_real"])
        _store(results / "real_unseen_training.csv", [work / "simulated" / "on_real"])


def _store(path: Path, evaluations: list[Path]) -> None:
    cases = pd.concat([read_cases(folder / "cases.csv") for folder in evaluations])
    write_cases(path, cases.sort_values(["subject", "network"], kind="stable"))

# SPDX-License-Identifier: Apache-2.0
"""From trained networks to what is published: float16 weight files with their provenance, and stored results."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch
from scripts.common.files import ROOT, save_atomically
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.common.weights import provenance_of, provenance_path, student_file
from scripts.evaluation.summary import read_cases, write_cases

# The sequences of ``models/model.pt``: those of Choi et al. 2023.
HEADLINE = ("t1ce", "flair")
# What differs between the stages of a training, beside the steps.
STAGE_KEYS = (
    *("recipe", "dataset", "training_subjects", "real_subjects", "real_share", "unenhanced", "learning_rate", "seed"),
)
LEFT_OUT = (
    *STAGE_KEYS[1:],
    *("epochs", "steps_per_epoch", "epoch", "subsets", "subset_weights", "students_per_step"),
    "start_subjects",  # the stages name them
    "starts_from",  # folders of one machine; the stages say what they were
)


def collect(networks: Iterable[Path], folder: Path) -> None:
    """Copy trained networks, each with its provenance, to another folder as float16 (`halved`).

    What is evaluated there is what is published.
    """
    for path in sorted(networks):
        if path.name != "last.pt":
            state, record = halved(torch.load(path, weights_only=True)), provenance_path(path)
            save_atomically(folder / record.name, lambda to, record=record: shutil.copyfile(record, to))
            save_atomically(folder / path.name, lambda to, state=state: torch.save(state, to))


def halved(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict in float16; a tensor that has two names is stored once."""
    once = {}
    return {
        name: (
            once.setdefault((tensor.data_ptr(), tensor.shape), tensor.half()) if tensor.is_floating_point() else tensor
        )
        for name, tensor in state.items()
    }


def provenance(stages: list[dict]) -> dict:
    """The JSON beside a published weight file.

    Args:
        stages: the JSON beside the network after each stage of its training, in order. The first one may be of
            published weights, whose own stages come first.

    Returns:
        what the last stage says of the network, and ``stages``: `STAGE_KEYS` and ``steps`` of each.
    """
    last = {key: value for key, value in stages[-1].items() if key not in LEFT_OUT and not key.endswith("_dice")}
    history = []
    for stage in stages:
        own = {key: stage[key] for key in STAGE_KEYS if key in stage}
        history += stage["stages"] if "stages" in stage else [own | {"steps": _steps(stage)}]
    version = json.loads((ROOT / "configs" / "metadata.json").read_text())["version"]
    return last | {"stages": history, "stored_as": "float16", "version": version, "commit": commit()}


def _steps(stage: dict) -> int:
    """Steps until the epoch whose weights were kept; of students that take turns, those of one student."""
    steps = stage["epoch"] * stage["steps_per_epoch"]
    if "students_per_step" not in stage or stage["sequences"] == list(SEQUENCES):
        return steps
    return steps * stage["students_per_step"] // len(stage["subsets"])


def commit() -> str | None:
    """The commit of this folder, with ``-dirty`` if it was changed since; None outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def publish(work: Path, names: tuple[str, ...], shared: list[Path], models: Path, results: Path) -> None:
    """Write the networks to ``models`` and the cases of their evaluations to ``results``.

    Args:
        work: folder of `scripts.research.train_weights`.
        names: names of its networks. Only ``all`` or ``simulated`` is published; the others are folds.
        shared: weight files of the stages that the published networks share, in order; the last is the any-subset
            network.
        models: gets ``any_subset.pt``, ``teacher.pt``, ``model.pt`` (T1ce + FLAIR) and ``model_<sequences>.pt``, each
            with its ``.json``.
        results: gets ``simulated.csv`` and, with real subjects, ``real_kfold.csv``: each subject by networks that were
            not trained on it, from all folds in ``work`` that are evaluated.
    """
    for name in names:
        if name.startswith("fold"):
            continue
        common = [provenance_of(path) for path in shared]
        _publish(work / name / shared[-1].name, models / shared[-1].name, common)
        for sequences in (SEQUENCES, *limited_subsets()):
            file = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
            to = models / ("model.pt" if sequences == HEADLINE else file)
            _publish(work / name / file, to, [*common, provenance_of(work / name / file)])
        _store(results / "simulated.csv", [work / name / "on_simulated"])
    if folds := sorted(path.parent for path in work.glob("fold*/on_real/finished")):
        _store(results / "real_kfold.csv", folds)


def _publish(source: Path, to: Path, stages: list[dict]) -> None:
    text = json.dumps(provenance(stages), indent=4) + "\n"
    save_atomically(provenance_path(to), lambda file: file.write_text(text))
    save_atomically(to, lambda file: shutil.copyfile(source, file))


def _store(path: Path, evaluations: list[Path]) -> None:
    cases = pd.concat([read_cases(folder / "cases.csv") for folder in evaluations])
    write_cases(path, cases.sort_values(["subject", "network"], kind="stable"))

# SPDX-License-Identifier: Apache-2.0
"""From trained networks to what is published: float16 weight files with their provenance, and stored results."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from scripts.common.files import ROOT, copy_file
from scripts.common.json_files import save_json
from scripts.common.sequences import SEQUENCES, limited_subsets, subset_name
from scripts.common.versions import metadata
from scripts.common.weights import provenance_of, provenance_path, save_state, student_file
from scripts.evaluation.summary import read_cases, write_cases
from scripts.research.real_subjects import with_patients

# The sequences of ``models/model.pt``: those of Choi et al. 2023.
HEADLINE = ("t1ce", "flair")
# What differs between the stages of a training, beside the steps.
STAGE_KEYS = (
    *("recipe", "dataset", "training_subjects", "real_subjects", "real_share", "unenhanced", "learning_rate", "seed"),
)
LEFT_OUT = (
    *STAGE_KEYS[1:],
    *("epochs", "steps_per_epoch", "epoch", "subsets", "subset_weights", "students_per_step", "student_turns"),
    "start_subjects",  # the stages name them
    "starts_from",  # folders of one machine; the stages say what they were
)


def collect(training: Path, folder: Path) -> None:
    """Store the networks of a training in another folder as float16 (`halved`), each with its provenance.

    What is evaluated in the folder is what is published.
    """
    for path in sorted(training.glob("*.pt")):
        if path.name != "last.pt":
            save_json(folder / provenance_path(path).name, provenance_of(path))
            state = halved(torch.load(path, weights_only=True))
            save_state(folder / path.name, state)  # the same weights give the same bytes


def halved(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict in float16; a tensor that has two names stays one."""
    once, result = {}, {}
    for name, tensor in state.items():
        key = tensor.data_ptr(), tensor.shape
        if tensor.is_floating_point() and key not in once:
            once[key] = tensor.half()
        result[name] = once[key] if tensor.is_floating_point() else tensor
    return result


def provenance(stages: list[dict]) -> dict:
    """The JSON beside a published weight file.

    Args:
        stages: the JSON beside the network after each stage of its training, in order. One of published weights has
            ``stages`` itself, which tell its whole training.

    Returns:
        what the last stage says of the network, and ``stages``: `STAGE_KEYS` and ``steps`` of each.
    """
    last = {key: value for key, value in stages[-1].items() if key not in LEFT_OUT and not key.endswith("_dice")}
    history = []
    for stage in stages:
        own = {key: stage[key] for key in STAGE_KEYS if key in stage}
        history = list(stage["stages"]) if "stages" in stage else [*history, own | {"steps": _steps(stage)}]
    return last | {"stages": history, "stored_as": "float16", "version": metadata()["version"]}


def _steps(stage: dict) -> int:
    """Steps until the epoch whose weights were kept; of students that take turns, those of one student."""
    steps = stage["epoch"] * stage["steps_per_epoch"]
    if "students_per_step" not in stage or stage["sequences"] == list(SEQUENCES):
        return steps
    turns = {subset_name(name): number for name, number in stage.get("student_turns", {}).items()}  # others have one
    in_a_round = len(stage["subsets"]) - len(turns) + sum(turns.values())
    return steps * stage["students_per_step"] * turns.get(subset_name(stage["sequences"]), 1) // in_a_round


def commit() -> str | None:
    """The commit of this folder, with ``-dirty`` if it was changed since; None outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def publish(
    work: Path,
    names: tuple[str, ...],
    shared: list[Path],
    models: Path,
    results: Path,
    same_patient: Sequence[Sequence[str]] = (),
) -> None:
    """Write the networks to ``models`` and the cases of their evaluations to ``results``.

    Args:
        work: folder of `scripts.research.train_weights`.
        names: names of its networks. Only ``all`` or ``simulated`` is published; the others are folds.
        shared: weight files of the stages that the published networks share, in order; the last is the any-subset
            network.
        models: gets ``any_subset.pt``, ``teacher.pt``, ``model.pt`` (T1ce + FLAIR) and ``model_<sequences>.pt``, each
            with its ``.json``.
        results: gets ``simulated.csv`` and, with real subjects, ``real_kfold.csv``: each subject by networks that were
            not trained on it. Folds in ``work`` that are evaluated replace theirs in the table; the others' cases stay.
        same_patient: lists of real subjects that are scans of one patient.
    """
    made_by = commit()  # before the files of this folder change
    for name in names:
        if name.startswith("fold"):
            continue
        common = [provenance_of(path) for path in shared]
        _publish(work / name / shared[-1].name, models / shared[-1].name, common, made_by)
        for sequences in (SEQUENCES, *limited_subsets()):
            file = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
            to = models / ("model.pt" if sequences == HEADLINE else file)
            _publish(work / name / file, to, [*common, provenance_of(work / name / file)], made_by)
        _store(results / "simulated.csv", _cases([work / name / "on_simulated"]))
    if folds := sorted(path.parent for path in work.glob("fold*/on_real/finished")):
        cases, table = with_patients(_cases(folds), same_patient), results / "real_kfold.csv"
        if table.is_file():  # with folds that were run before, perhaps on another machine
            stored = read_cases(table)
            cases = pd.concat([stored[~stored.subject.isin(cases.subject)], cases])
        _store(table, cases)


def _publish(source: Path, to: Path, stages: list[dict], made_by: str | None) -> None:
    save_json(provenance_path(to), provenance(stages) | {"commit": made_by})
    copy_file(source, to)


def _store(path: Path, cases: pd.DataFrame) -> None:
    write_cases(path, cases.sort_values(["subject", "network"], kind="stable"))


def _cases(evaluations: list[Path]) -> pd.DataFrame:
    return pd.concat([read_cases(folder / "cases.csv") for folder in evaluations])

# SPDX-License-Identifier: Apache-2.0
"""One cell of the study: a recipe trained for a setting with a seed, and measured on a set of subjects."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch

from scripts.common.files import ROOT, save_atomically
from scripts.common.sequences import SEQUENCES, subset_name
from scripts.common.weights import student_file
from scripts.evaluation.summary import read_cases, write_cases
from scripts.research.runs import evaluate, train_once


@dataclass(frozen=True)
class Cell:
    """What to train.

    Attributes:
        recipe: its name in the study.
        overlays: config names after train.json, such as ``("kd_net",)``.
        setting: the student's sequences.
        seed: of weights, patches and renderings.
        teacher: name of the trained teacher that it needs, or None.
        keys: other config values.
        group: folder of its results below ``docs/study``.
    """

    recipe: str
    overlays: tuple[str, ...]
    setting: tuple[str, ...]
    seed: int
    teacher: str | None = None
    keys: dict = field(default_factory=dict, hash=False)
    group: str = "simulated"

    @property
    def name(self) -> str:
        """Where its results and checkpoints lie, such as ``simulated/kd_net/flair_seed0``."""
        return self.in_group(self.group)

    def in_group(self, group: str) -> str:
        """Its name in another group of results."""
        return f"{group}/{self.recipe}/{subset_name(self.setting)}_seed{self.seed}"


@dataclass(frozen=True)
class Study:
    """Where a study lies and what all its cells share.

    Attributes:
        config: the overlay with the common budget.
        work: folder of checkpoints and caches.
        results: folder of the stored cases.
    """

    config: str
    work: Path
    results: Path

    def output(self, cell: Cell) -> Path:
        """Folder of a cell's checkpoints."""
        return self.work / cell.name

    def teacher(self, name: str) -> Path:
        """Folder of a trained teacher."""
        return self.work / "teachers" / name

    def train(self, cell: Cell, output: Path, **keys) -> float | None:
        """Train a cell if it is not trained yet; its seconds, None if it was killed on the way."""
        return train_once(cell.overlays, output, self._keys(cell) | keys)

    def evaluate(self, cell: Cell, output: Path, **keys) -> Path:
        """Measure a trained cell; the path of its cases.csv. A frozen teacher is measured as a cell of its own."""
        # the networks themselves are compared, so nothing is post-processed
        keys = self._keys(cell) | {"ckpt_dir": str(output), "report": False, "et_least_contrast": 0} | keys
        if cell.teacher:
            keys["teacher_training"] = "none"
        return evaluate(cell.overlays, output / f"evaluation_{keys.get('part', 'test')}", keys)

    def store(self, name: str, cases: list[Path], facts: dict) -> None:
        """Keep the cases of a cell, of all its folds together, and its facts, below ``results``."""
        path = self.results / f"{name}.csv"
        text = json.dumps(facts, indent=1) + "\n"
        save_atomically(path.with_suffix(".json"), lambda file: file.write_text(text))
        rows = [row for file in cases for row in read_cases(file).to_dict("records")]
        write_cases(path, rows)

    def stored(self, name: str) -> bool:
        """Whether the results of this name are there."""
        return (self.results / f"{name}.csv").is_file()

    def facts(self, cell: Cell, output: Path, seconds: float | None, dataset: str) -> dict:
        """What the report says of a cell beside its cases."""
        names = ("model.pt", student_file(cell.setting), "any_subset.pt", "teacher.pt")
        weights = next(output / name for name in names if (output / name).is_file())
        record = json.loads(weights.with_suffix(".json").read_text())
        state = torch.load(weights, weights_only=True)
        return {
            "recipe": cell.recipe,
            "setting": subset_name(cell.setting),
            "seed": cell.seed,
            "dataset": dataset,
            "teacher": cell.teacher,
            "steps": record["epochs"] * record["steps_per_epoch"],
            "seconds": seconds,
            # a DynUNet's layers stand in its state dict under two names
            "parameters": sum({t.data_ptr(): t.numel() for t in state.values()}.values()),
            "training_subjects": record["training_subjects"],
            "spacing": record["spacing"],
            "filters": record["filters"],
            "recipe_is": record["recipe"],
        }

    def _keys(self, cell: Cell) -> dict:
        budget = json.loads(Path(self.config).read_text())
        budget.pop("study")
        keys = {"bundle_root": str(ROOT), "seed": cell.seed, "student_modalities": list(cell.setting)} | budget
        if cell.teacher:
            keys["teacher_from"] = str(self.teacher(cell.teacher))
        return keys | cell.keys


def teacher_cell(name: str, keys: dict) -> Cell:
    """The cell that trains a teacher."""
    return Cell(name, ("train_teacher",), SEQUENCES, 0, None, keys, "teachers")

# SPDX-License-Identifier: Apache-2.0
"""The plan of a study: which arms are trained on which subjects, for which sequences, with which seeds."""

import json
from dataclasses import dataclass
from pathlib import Path

from scripts.common.files import ROOT
from scripts.common.sequences import ordered, subset_name
from scripts.research.stored_networks import short_hash

# In a key's value: the folder of the part's shared trainings on this fold, of those of all its folds, of its gathered
# subjects, and of all trainings; the fold's number.
SHARED, ONCE, GATHERED, WORK, FOLD = "{shared}", "{once}", "{gathered}", "{work}", "{fold}"


@dataclass(frozen=True)
class Cell:
    """One training and its evaluation.

    Attributes:
        part, arm: their names in the plan.
        subset: the student's sequences, such as ``t1ce+flair``; None for an arm that trains all subsets together.
        seed: of the training.
        fold: number of the fold.
    """

    part: str
    arm: str
    subset: str | None
    seed: int
    fold: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Arm, subset (``together`` for all), seed and fold, by which a table of results knows it."""
        return self.arm, self.subset or "together", self.seed, self.fold

    @property
    def name(self) -> str:
        """Its folder, such as ``real/kd_net/flair_seed0_fold1``."""
        return f"{self.part}/{self.arm}/{self.subset or 'together'}_seed{self.seed}_fold{self.fold}"


@dataclass(frozen=True)
class Plan:
    """A plan and the folder of its trainings.

    The JSON file has ``page`` (where the tables go, from the bundle root), ``keys`` (config keys of all trainings and
    evaluations), ``evaluation`` (further keys of all evaluations) and ``parts``. A part is one question: all of its arms
    have the same training subjects, and are compared with the arm ``control``. It has

    - ``like`` (optional): a part before it, which it equals but for its own entries. They are merged into that part's as
      in a JSON merge patch (RFC 7386). Tables are merged entry by entry; null takes an entry away.
    - ``title``, ``subsets`` (lists of sequences), ``seeds``, ``arms``.
    - ``folds`` (optional): for each fold ``{"keys": ..., "evaluation": ...}``, such as ``split#fold``. `FOLD` in a value
      of a key stands for its number.
    - ``groups`` (optional): start of the subjects' names by group. A group is reported apart.
    - ``ceiling`` (optional): an arm that has what the others lack, such as all labels. The page then says which share of
      its gain over the control each arm reaches.
    - ``pairs`` (optional): lists of two arms. The first is also compared with the second.
    - ``subjects`` (optional): tables of `scripts.research.real_subjects.gather` by name. `GATHERED` in a value of a key
      stands for the folder in which each has a folder of its name.
    - ``keys``, ``evaluation`` (optional): further keys.
    - ``pictures`` (optional): true to keep the picture of each arm's translations. They show scans: only for simulated
      ones, as no patient's scan goes into the repository.
    - ``once`` (optional): trainings that see no subject of the folds, ``{name: {"overlays", "keys"}}``, in order, with the
      plan's keys and their own. `ONCE` in a value of a key stands for the folder that they are in.
    - ``shared`` (optional): the same once for each fold, after those. Their folder is `SHARED`.

    An arm has

    - ``overlays``: names of configs after ``train.json``.
    - ``keys``, ``evaluation``, ``seeds`` (optional): its own.
    - ``folds`` (optional): numbers of those that it is run on.
    - ``together`` (optional): one training of all subsets (``train_all``, ``any_subset``) instead of one for each.

    Attributes:
        content: of the file.
        work: folder of the trainings.
    """

    content: dict
    work: Path

    @property
    def parts(self) -> dict[str, dict]:
        """The parts by name."""
        return self.content["parts"]

    def cells(self, part: str) -> list[Cell]:
        """All cells of a part: the first seed of all arms before the next, and all folds of an arm before the next arm."""
        block = self.parts[part]
        seeds = {arm: entry.get("seeds", block["seeds"]) for arm, entry in block["arms"].items()}
        return [
            Cell(part, arm, subset, seed, fold)
            for seed in sorted(set().union(*seeds.values()))
            for arm, entry in block["arms"].items()
            for fold in self.folds(part)
            if seed in seeds[arm] and fold in entry.get("folds", [fold])
            for subset in ([None] if entry.get("together") else self.subsets(part))
        ]

    def folds(self, part: str) -> range:
        """Numbers of the folds; one without ``folds``."""
        return range(len(self.parts[part].get("folds", [{}])))

    def subsets(self, part: str) -> list[str]:
        """The subsets, such as ``t1ce+flair``."""
        return [subset_name(subset) for subset in self.parts[part]["subsets"]]

    def subsets_of(self, cell: Cell) -> list[str]:
        """The subsets that a cell has a student for."""
        return self.subsets(cell.part) if cell.subset is None else [cell.subset]

    def arm(self, cell: Cell) -> dict:
        """The arm of a cell."""
        return self.parts[cell.part]["arms"][cell.arm]

    def output(self, cell: Cell) -> Path:
        """Folder of a cell's weights."""
        return self.work / cell.name

    def starts(self, part: str, fold: int | None) -> dict[str, dict]:
        """The trainings that the arms of a part start from, by name: ``shared`` on a fold, ``once`` with None."""
        return self.parts[part].get("once" if fold is None else "shared", {})

    def starts_folder(self, part: str, fold: int | None) -> Path:
        """Folder of these trainings, in which each has a folder of its name."""
        return self.work / part / ("once" if fold is None else f"shared_fold{fold}")

    def start_keys(self, part: str, fold: int | None, name: str) -> dict:
        """All keys of one of these trainings."""
        own = self._resolved(part, fold, self.starts(part, fold)[name].get("keys", {}))
        return self._keys(part, fold) | own

    def stored_start(self, part: str, fold: int | None, name: str, results: str | Path) -> Path:
        """Where its networks are stored, such as ``study_starts/teacher_fold0_1a2b3c4d``."""
        number = "" if fold is None else f"_fold{fold}"
        return Path(results) / "study_starts" / f"{name}{number}_{self._start_hash(part, fold, name)}"

    def gathered(self, part: str) -> Path:
        """Folder of the gathered subjects of a part."""
        return self.work / part / "subjects"

    def same_patient(self, part: str) -> list[list[str]]:
        """Lists of subjects of one patient, of all gathered subjects of a part."""
        tables = self.parts[part].get("subjects", {}).values()
        return [group for table in tables for group in table.get("same_patient", ())]

    def keys(self, cell: Cell) -> dict:
        """All keys of a cell's training."""
        subsets = [list(ordered(subset)) for subset in self.subsets_of(cell)]
        students = {"student_modalities": subsets[0]} if cell.subset else {"student_subsets": subsets}
        own = self._resolved(cell.part, cell.fold, self.arm(cell).get("keys", {}))
        return self._keys(cell.part, cell.fold) | {"seed": cell.seed} | students | own

    def evaluation_keys(self, cell: Cell) -> dict:
        """All keys of a cell's evaluation; the teacher is left out unless the plan says otherwise."""
        block = self.parts[cell.part]
        levels = [self.content, block, block.get("folds", [{}])[cell.fold], self.arm(cell)]
        keys = self.keys(cell) | {"ckpt_dir": str(self.output(cell)), "teacher_training": "none"}
        for level in levels:
            keys |= self._resolved(cell.part, cell.fold, level.get("evaluation", {}))
        return keys

    def hash(self, cell: Cell) -> str:
        """A short hash of all that the plan says about a cell's result, but for folders of this machine.

        What the configs say is not in it: `scripts.research.study.results.TRAININGS` has the version of each training.
        """
        block = self.parts[cell.part]
        given = [self.content.get("keys"), self.content.get("evaluation"), self.arm(cell), block.get("shared")]
        given += [block.get("keys"), block.get("evaluation"), block.get("folds", [{}])[cell.fold]]
        given += [self._once_of(cell.part, given)] + ([block["subjects"]] if "subjects" in block else [])
        given += [block["subsets"]] if cell.subset is None else []
        # what says which trainings there are, or compares them, does not change their results
        apart = ("seeds", "folds")
        given = [
            {k: v for k, v in part.items() if k not in apart} if isinstance(part, dict) else part for part in given
        ]
        return short_hash(given)

    def _start_hash(self, part: str, fold: int | None, name: str) -> str:
        """The same of a training that arms start from, and of those before it."""
        block, starts = self.parts[part], self.starts(part, fold)
        entries = list(starts.items())[: list(starts).index(name) + 1]
        if fold is None:
            subjects = block.get("subjects") if GATHERED in json.dumps(entries) else None
            return short_hash([self.content.get("keys"), subjects, entries])
        # a key of the part that the training sets itself does not change it
        below = self._given_keys(part, fold)
        entries = [(name, entry | {"keys": below | entry.get("keys", {})}) for name, entry in entries]
        return short_hash([fold, entries, self._once_of(part, entries), block.get("subjects")])

    def _once_of(self, part: str, given: list) -> dict:
        """The trainings of ``once`` that these entries start from, and those before them."""
        once, text = self.parts[part].get("once", {}), json.dumps(given)
        used = [number for number, name in enumerate(once, 1) if f"{ONCE}/{name}" in text]
        return dict(list(once.items())[: max(used, default=0)])

    def _keys(self, part: str, fold: int | None) -> dict:
        """`_given_keys` with the folders of this machine."""
        return {"bundle_root": str(ROOT)} | self._resolved(part, fold, self._given_keys(part, fold))

    def _given_keys(self, part: str, fold: int | None) -> dict:
        """The keys of the plan and, on a fold, those of the part and the fold, as the plan has them."""
        block = self.parts[part]
        levels = [self.content] if fold is None else [self.content, block, block.get("folds", [{}])[fold]]
        keys = {}
        for level in levels:
            keys |= level.get("keys", {})
        return keys

    def _resolved(self, part: str, fold: int | None, keys: dict) -> dict:
        """The keys with the folders in place of `ONCE`, `GATHERED`, `WORK` and, on a fold, `SHARED`, and its number."""
        folders = {ONCE: self.starts_folder(part, None), GATHERED: self.gathered(part), WORK: self.work}
        folders |= {} if fold is None else {SHARED: self.starts_folder(part, fold), FOLD: fold}

        def resolved(value):
            for name, folder in folders.items() if isinstance(value, str) else ():
                value = value.replace(name, str(folder))
            return value

        return {key: resolved(value) for key, value in keys.items()}

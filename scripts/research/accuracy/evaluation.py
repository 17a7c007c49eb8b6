# SPDX-License-Identifier: Apache-2.0
"""A stored evaluation of the teacher and its 14 students, checked, with the statistics of the accuracy page."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scripts.common.errors import UserError
from scripts.common.sequences import REGIONS, SEQUENCES, limited_subsets, subset_name, subset_order
from scripts.evaluation.bootstrap import bootstrap_interval, describe, paired_difference
from scripts.evaluation.summary import read_cases, summarise
from scripts.research.markdown import subjects_text

TEACHER = subset_name(SEQUENCES)
LIMITED = tuple(sorted(map(subset_name, limited_subsets()), key=subset_order))
# Collections of real subjects that are reported apart: adult glioma, and BraTS-Africa.
COLLECTIONS = ("GLI", "SSA")
# Where subjects are from, by the start of their names.
_SOURCES = {"BraTS2021": "BraTS 2021", "UCSF-PDGM": "UCSF-PDGM", "BraTS-SSA": "BraTS-Africa"}
# All 15 choices of sequences, few sequences first: the order of every table.
SUBSETS = (*LIMITED, TEACHER)


def collection_of(subject: str) -> str:
    """The one of `COLLECTIONS` that a real subject belongs to, by its name."""
    return "SSA" if subject.startswith("BraTS-SSA") else "GLI"


class Evaluation:
    """A cases.csv of the 15 networks, which are identified by their sequences.

    Args:
        path: the file.
        collection: of `COLLECTIONS`: only its subjects; all by default.
        subsets: some of `SUBSETS`, in its order; the networks of others are left out.
        seed, resamples: of the bootstraps.

    Raises:
        UserError: the file is missing or no cases.csv, has no subject of the collection, a subset of the sequences is missing or there twice, or the
            networks were not evaluated on the same subjects.
    """

    def __init__(
        self,
        path: str | Path,
        collection: str | None = None,
        subsets: Sequence[str] = SUBSETS,
        seed: int = 0,
        resamples: int = 10_000,
    ) -> None:
        path = Path(path)
        if not path.is_file():
            raise UserError(f"There is no {path}: run `python -m scripts.research.train_weights`, which writes it.")
        cases = read_cases(path)
        if collection:
            cases = cases[cases.subject.map(collection_of) == collection]
        if cases.empty:
            raise UserError(f"{path} has no subject{f' of {collection}' if collection else ''}: evaluate some.")
        cases = cases.assign(network=[subset_name(sequences) for sequences in cases.sequences])
        if missing := [subset for subset in subsets if subset not in set(cases.network)]:
            raise UserError(f"{path} lacks the network of {', '.join(missing)}: evaluate all {len(subsets)} networks.")
        cases = cases[cases.network.isin(subsets)]
        twice = cases[cases.duplicated(["subject", "network", "region"])]
        if len(twice):
            raise UserError(
                f"{path} has two networks of {twice.network.iloc[0]} for {twice.subject.iloc[0]}: keep one."
            )
        subjects = cases.groupby("network").subject.unique().map(frozenset)
        last = subsets[-1]
        if differing := [subset for subset in subsets if subjects[subset] != subjects[last]]:
            raise UserError(f"{path} has other subjects for {differing[0]} than for {last}: evaluate both on all.")
        self.cases = cases.sort_values("network", key=lambda names: names.map(SUBSETS.index), kind="stable")
        self.seed, self.resamples = seed, resamples
        self._networks = summarise(self.cases, seed, resamples)["networks"]
        self._dice = {measure: self._wide(measure) for measure in ("dice", "dice_cleaned")}
        truth = self.cases[(self.cases.network == last) & (self.cases.region == "et")].set_index("subject").true_ml
        self.et_ml = truth.sort_index()
        # of each subject, sorted as all series of subjects here
        self.patients = self.cases.groupby("subject").patient.first()
        self.subjects = len(truth)
        self.with_et = int((truth > 0).sum())

    @property
    def sources(self) -> str:
        """Where the measured subjects are from, such as "BraTS 2021 and UCSF-PDGM"; empty if unknown."""
        names = [name for start, name in _SOURCES.items() if any(self.cases.subject.str.startswith(start))]
        return " and ".join(names)

    @property
    def size(self) -> str:
        """How many were measured, such as "10 subjects of 9 patients"."""
        return subjects_text(self.subjects, self.patients.nunique())

    def measure(self, subset: str, region: str, measure: str = "dice") -> dict:
        """`describe` of a measure of `scripts.evaluation.summary.MEASURES`; region "mean" has Dice alone."""
        return self._networks[subset]["regions"][region][measure]

    def dice(self, subsets: Sequence[str], region: str, measure: str = "dice") -> pd.Series:
        """Each subject's mean over these subsets, of "dice" or "dice_cleaned", sorted by subject."""
        return self._dice[measure][region][list(subsets)].mean(axis=1)

    def false_et(self, subset: str) -> int:
        """Number of subjects without enhancing tumour in which it was predicted."""
        return self._networks[subset]["regions"]["et"]["empty"]["truth"]

    def et_where_present(self, subset: str) -> dict:
        """`describe` of the Dice of ET over the subjects that have ET."""
        return self._describe(self._dice["dice"]["et"][subset][self.et_ml > 0])

    def mean_over(self, subsets: Sequence[str], region: str, measure: str = "dice") -> dict:
        """`describe` of each subject's mean over these subsets, of "dice" or "dice_cleaned"."""
        return self._describe(self.dice(subsets, region, measure))

    def minus_teacher(self, subset: str, region: str) -> dict:
        """`paired_difference` of the Dice of a student and of the teacher on the same subjects."""
        dice = self._dice["dice"][region]
        return paired_difference(dice[subset], dice[TEACHER], self.seed, self.resamples, self.patients)

    def _wide(self, measure: str) -> dict[str, pd.DataFrame]:
        """A table of subjects x subsets for each region and for the mean of the three."""
        wide = self.cases.pivot(index="subject", columns=["network", "region"], values=measure).sort_index()
        tables = {region: wide.xs(region, axis=1, level="region") for region in REGIONS}
        return tables | {"mean": sum(tables.values()) / len(tables)}

    def _describe(self, values: pd.Series) -> dict:
        patients = self.patients[values.index]
        return describe(values, bootstrap_interval(values, self.seed, self.resamples, patients))

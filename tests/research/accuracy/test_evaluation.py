# SPDX-License-Identifier: Apache-2.0
"""A stored evaluation is refused unless all 15 networks were evaluated on the same subjects."""

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.research.accuracy.evaluation import SUBSETS, TEACHER, collection_of


def test_there_are_fifteen_subsets_few_sequences_first():
    assert len(SUBSETS) == 15 and SUBSETS[-1] == TEACHER
    assert SUBSETS[:5] == ("t1", "t1ce", "t2", "flair", "t1+t1ce")
    assert [name.count("+") for name in SUBSETS] == sorted(name.count("+") for name in SUBSETS)


def test_missing_networks_are_named(cases, evaluation_of):
    with pytest.raises(UserError, match="lacks the network of t1ce, t2[+]flair:"):
        evaluation_of(cases[~cases.sequences.isin(["t1ce", "t2+flair"])])


def test_two_networks_of_one_subset_are_refused(cases, evaluation_of):
    again = cases[cases.sequences == "flair"].assign(network="other")
    with pytest.raises(UserError, match="two networks of flair for a"):
        evaluation_of(pd.concat([cases, again]))


def test_networks_must_be_measured_on_the_same_subjects(cases, evaluation_of):
    with pytest.raises(UserError, match="other subjects for t1 than for t1[+]t1ce[+]t2[+]flair"):
        evaluation_of(cases[(cases.sequences != "t1") | (cases.subject == "a")])


def test_a_collection_is_known_by_the_names_of_its_subjects(cases, evaluation_of):
    names = ("BraTS-SSA-00002-000", "BraTS2021_00002", "UCSF-PDGM-0004")
    assert [collection_of(name) for name in names] == ["SSA", "GLI", "GLI"]
    mixed = cases.replace({"subject": {"a": "BraTS-SSA-00002-000"}})
    # WT of each student: .6 in a, .8 in b
    assert evaluation_of(mixed, "SSA").measure("t1", "wt")["mean"] == 0.6
    assert evaluation_of(mixed, "GLI").measure("t1", "wt")["mean"] == 0.8 and evaluation_of(mixed).subjects == 2


def test_a_collection_without_subjects_is_refused(cases, evaluation_of):
    with pytest.raises(UserError, match="has no subject of SSA"):
        evaluation_of(cases, "SSA")

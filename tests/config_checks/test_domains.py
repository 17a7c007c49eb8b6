# SPDX-License-Identifier: Apache-2.0
"""Two domains that an unpaired training can use pass; others are refused with the key."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.domains import check_domains


def _tables(**target):
    source = {"dataset_dir": "a", "sequence": "t2"}
    defaults = {"dataset_dir": "b", "sequence": "flair", "labels": "none", "subjects": None, "needs_labels": False}
    return source, defaults | target


@pytest.mark.parametrize("labels", ["none", "all", 5, ["b1"]])
def test_every_kind_of_labels_is_accepted(labels):
    check_domains(*_tables(labels=labels))


@pytest.mark.parametrize(
    "target, message",
    [
        ({"dataset_dir": "a", "sequence": "t2"}, "nothing to adapt to"),
        ({"labels": "few"}, "target#labels is 'few'"),
        ({"labels": 0}, "target#labels is 0"),
        ({"labels": True}, "target#labels is True"),
        ({"labels": []}, r"target#labels is \[\], but must be none, all, a number"),
        ({"labels": [], "needs_labels": True}, r"target#labels is \[\]"),
        ({"subjects": "all"}, "target#subjects is 'all', but must be null for all, a number"),
        ({"subjects": 1.5}, "target#subjects is 1.5"),
        ({"subjects": True}, "target#subjects is True"),
        ({"subjects": 0}, "target#subjects is 0"),
        ({"subjects": []}, r"target#subjects is \[\]"),
        ({"needs_labels": True}, "needs some labels"),
        ({"dataset_dir": None}, "--target#dataset_dir"),
    ],
)
def test_domains_that_cannot_be_used_are_refused(target, message):
    with pytest.raises(UserError, match=message):
        check_domains(*_tables(**target))


@pytest.mark.parametrize("subjects", [None, 1, ["b1"]])
def test_every_kind_of_subjects_is_accepted(subjects):
    check_domains(*_tables(subjects=subjects))


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_domains(*_tables())
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="without torchrun"):
        check_domains(*_tables())

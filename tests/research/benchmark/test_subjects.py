# SPDX-License-Identifier: Apache-2.0
"""One subject is linked under several names, and has a network."""

import numpy as np
import pytest
from conftest import write_msd, write_subject
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.research.benchmark.subjects import check_same_label_maps, linked_label_map, linked_subjects, one_subject


def test_one_subject_stands_in_a_folder_under_several_names(subject, tmp_path):
    folder = linked_subjects(subject, tmp_path / "scans", 3)
    items = subjects_in(folder, SEQUENCES, labelled=False)
    assert [item["subject"] for item in items] == ["Subject_000", "Subject_001", "Subject_002"]
    for item in items:
        for name in SEQUENCES:
            with open(item[name], "rb") as link, open(subject[name], "rb") as file:
                assert link.read() == file.read()


def test_subject_without_all_sequences_or_in_a_4d_file_is_refused(tmp_path):
    write_subject(tmp_path / "partial", "A", names=("t1", "flair"))
    with pytest.raises(UserError, match="lacks t1ce, t2"):
        one_subject(str(tmp_path / "partial"), tmp_path, 0)
    write_msd(tmp_path / "msd")
    with pytest.raises(UserError, match="4D"):
        one_subject(str(tmp_path / "msd"), tmp_path, 0)


def test_label_maps_that_differ_are_named(tmp_path):
    for run, value in (("a", 4), ("b", 4), ("c", 2)):
        path = linked_label_map(tmp_path / run, 0)
        folder = write_subject(tmp_path / "made", run, names=("label",), label=np.full((3, 3, 3), value, np.uint8))
        path.parent.mkdir(parents=True)
        (folder / f"{run}_seg.nii.gz").rename(path)
    check_same_label_maps(tmp_path / "a", tmp_path / "b", 1)
    with pytest.raises(RuntimeError, match="Subject_000_seg.nii.gz differ"):
        check_same_label_maps(tmp_path / "a", tmp_path / "c", 1)

# SPDX-License-Identifier: Apache-2.0
"""Overlays need their folders before anything is simulated."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check


def test_real_subjects_without_their_folder_are_refused_before_anything_is_simulated():
    with pytest.raises(UserError, match="real#dataset_dir is null: give the folder"):
        check(real={"dataset_dir": None}, train={}, evaluator="@real#dataset_dir")


def test_scans_without_labels_need_their_folder_before_anything_is_simulated(tmp_path):
    for folder, what in ((None, "unlabelled_dir is null: give the folder"), ("nowhere", "which is no folder")):
        with pytest.raises(UserError, match=what):
            check(
                unlabelled_dir=folder,
                unlabelled_subjects="$@unlabelled_dir",
                train={},
                evaluator="@unlabelled_subjects",
            )
    check(
        unlabelled_dir=str(tmp_path), unlabelled_subjects="$@unlabelled_dir", train={}, evaluator="@unlabelled_subjects"
    )

# SPDX-License-Identifier: Apache-2.0
"""Keys that a run would ignore are refused."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.check_config import check_config

from tests.config_checks.helpers import check, shipped


@pytest.mark.parametrize("key, value", [("unlabelled_dir", "."), ("unlabelled_share", 0.5)])
def test_scans_without_labels_are_refused_where_their_overlay_is_not_listed(key, value):
    with pytest.raises(UserError, match=f"{key} is {value!r}, but has no effect: list configs/unlabelled.json"):
        check(**{key: value}, train={}, dataset=f"@{key}")


def test_sequences_of_one_student_are_refused_where_all_are_trained():
    with pytest.raises(UserError, match="student_modalities is .'flair'., but has no effect with train_all.json"):
        check_config(shipped("train_all", student_modalities=["flair"]))

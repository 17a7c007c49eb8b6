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


def test_names_of_an_images_channels_are_refused_in_a_training_on_a_folder():
    with pytest.raises(UserError, match="image_sequences is 'flair,t1', but has no effect: it names the channels"):
        check(image_sequences="flair,t1", train={"dataset": {"data": "$[]"}})
    check(image_sequences="flair,t1", train={"dataset": {"data": [{"image": "a.nii.gz", "label": "b.nii.gz"}]}})

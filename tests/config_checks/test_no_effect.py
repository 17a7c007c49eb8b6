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


@pytest.mark.parametrize(
    "overlays, keys, sentence",
    [
        (["train_teacher"], {"student_modalities": ["flair"]}, "configs/train_teacher.json trains one network of all"),
        (["any_subset"], {"student_modalities": ["flair"]}, "configs/any_subset.json trains one network of all four"),
        (["train_teacher", "mutual"], {}, "teacher_training is 'joint', but configs/train_teacher.json trains one"),
        (
            ["any_subset", "self_distillation", "kd_net"],
            {},
            "teacher_training is 'frozen', but configs/any_subset.json",
        ),
        (["no_distillation"], {"teacher_filters": [8, 16, 32]}, "teacher_filters is .8, 16, 32., but has no effect"),
        (["evaluate", "unpaired"], {"target#dataset_dir": "a"}, "`evaluating` would train: list configs/evaluate.json"),
    ],
)
def test_overlays_and_keys_that_do_not_go_together_are_refused(overlays, keys, sentence):
    with pytest.raises(UserError, match=sentence):
        check_config(shipped(*overlays, **keys))


@pytest.mark.parametrize(
    "keys, other",
    [
        ({"start_from": "."}, "start_from is '.'"),
        ({"warm_start": False}, "with warm_start false they start from random weights"),
    ],
)
def test_a_start_of_the_students_that_has_no_effect_is_refused(keys, other):
    with pytest.raises(UserError, match=f"student_from is 'models/any_subset.pt', but has no effect .* {other}"):
        check_config(shipped(student_from="models/any_subset.pt", **keys))
    check_config(shipped(student_from="models/any_subset.pt"))
    check_config(shipped(**keys))


def test_what_goes_together_passes():
    check_config(shipped("any_subset", "self_distillation"))
    check_config(shipped("train_teacher", filters=[8, 16, 32]))
    check_config(shipped("no_distillation", "unlabelled", teacher_filters=[8, 16, 32], unlabelled_dir="."))
    check_config(shipped("no_distillation", "evaluate", teacher_filters=[8, 16, 32]))

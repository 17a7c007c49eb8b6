# SPDX-License-Identifier: Apache-2.0
"""A loss that needs a teacher's output is refused where there is none, before anything is simulated."""

import pytest
from monai.networks.nets import DynUNet
from scripts.common.errors import UserError, user_message
from scripts.common.sequences import SEQUENCES
from scripts.losses.consistency import Consistency
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.losses.soft_targets import SoftTargets
from scripts.networks.all_students import AllStudents
from scripts.networks.any_subset import AnySubset
from scripts.networks.teacher_needed import check_teacher
from scripts.networks.teacher_student import TeacherStudent
from tiny import tiny, workflow
from torch import nn

TERMS = {
    "student_segmentation": Term(SegmentationLoss("student")),
    "soft_targets": Term(SoftTargets(), weight=0.1),
    "mine": Term(Consistency(), start=0.5),
}


class _OfTheStudentAlone(nn.Module):
    layers, network = (), "student"

    def forward(self, teacher, student, label):
        return student.logits[0].mean()


def _network(channels):
    return DynUNet(3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8])


def _check(terms, teacher=False):
    objective = Objective(terms)
    check_teacher(TeacherStudent(_network(1), objective, ["flair"], _network(4) if teacher else None), objective)


def test_terms_that_need_a_teacher_are_named_with_the_ways_out():
    with pytest.raises(UserError) as caught:
        _check(TERMS)
    assert str(caught.value) == (
        "The loss needs a teacher's output in objective#terms#soft_targets and objective#terms#mine, but this training "
        "has no teacher: set teacher_training to joint or frozen, list configs/no_distillation.json in place of the "
        "recipe, or set these keys to null in an overlay."
    )


def test_with_a_teacher_every_term_is_welcome():
    _check(TERMS, teacher=True)


def test_losses_of_the_student_alone_and_terms_of_weight_zero_need_no_teacher():
    terms = {"student": Term(SegmentationLoss("student")), "own": Term(_OfTheStudentAlone())}
    _check(terms | {"soft_targets": Term(SoftTargets(), weight=0)})


def test_the_teachers_own_segmentation_loss_needs_a_teacher():
    with pytest.raises(UserError, match="output in objective#terms#teacher, but .* or set this key to null"):
        _check({"teacher": Term(SegmentationLoss("teacher")), "student": Term(SegmentationLoss("student"))})


def test_students_of_all_subsets_need_a_teacher_for_the_same_terms():
    objective = Objective(TERMS)
    students = AllStudents([_network(1)], [("t1",)], objective.of_student(), 1)
    with pytest.raises(UserError, match="soft_targets and objective#terms#mine, .* set teacher_training"):
        check_teacher(students, objective)


def test_a_network_for_any_subset_is_its_own_teacher_only_with_self_distillation():
    objective = Objective(TERMS)
    check_teacher(AnySubset(_network(4), objective, [SEQUENCES], self_distillation=True), objective)
    with pytest.raises(UserError, match="no teacher: list configs/self_distillation.json after configs/any_subset"):
        check_teacher(AnySubset(_network(4), objective, [SEQUENCES]), objective)


@pytest.mark.parametrize(
    "overlays, keys, terms",
    [
        ((), {"teacher_training": "none"}, ["barlow_twins"]),
        (("kd_net.json",), {"teacher_training": "none"}, ["soft_targets", "latent_kl"]),
        (("emkd.json", "no_distillation.json"), {}, ["soft_targets", "importance_maps", "region_affinity"]),
        (("train_all.json", "mutual.json"), {"teacher_training": "none"}, ["mutual"]),
        (("any_subset.json", "prototypes.json"), {"teacher_training": "none"}, ["soft_targets", "prototypes"]),
    ],
)
def test_a_recipe_without_its_teacher_is_refused_before_a_cohort_is_simulated(overlays, keys, terms, tmp_path):
    keys = tiny(str(tmp_path / "cohort"), output_dir=str(tmp_path / "output"), **keys)
    started = workflow("train.json", *overlays, **keys)
    started.initialize()
    with pytest.raises(Exception) as caught:
        started.run()
    named = " and ".join(f"objective#terms#{term}" for term in terms)
    assert user_message(caught.value).startswith(f"The loss needs a teacher's output in {named}, but this training has")
    assert not (tmp_path / "cohort").exists()

# SPDX-License-Identifier: Apache-2.0
"""A joint step is compared with steps of the same networks alone."""

import pytest
import torch
from scripts.research.benchmark.steps import ALL, ALONE, JOINT, TEACHER_ALONE, Step, ratio_rows, step_rows

TINY = {"device": "cpu", "filters": [4, 8, 16], "patch_size": [32, 32, 32]}


def test_joint_step_is_compared_with_both_apart_and_all_students_with_as_many_joint_steps():
    # 2.1 / (1.2 + 0.8) = 1.05; 7.35 / (7 x 2.1) = 0.5
    seconds = {"joint": 2.1, "teacher": 1.2, "student": 0.8, "all": 7.35}
    joint, every = ratio_rows(seconds, 7, (2, 64, 64, 64), 5)
    assert joint.value == pytest.approx(1.05) and joint.met
    assert joint.cells()[1:3] == ["1.050 (2.100 s / (1.200 s + 0.800 s))", "at most 1.100"]
    assert every.value == pytest.approx(0.5) and every.met and "7 students a step" in every.what


def test_networks_alone_are_those_of_the_joint_step():
    joint = Step(JOINT, TINY).network
    teacher, student = Step(ALONE, TINY | TEACHER_ALONE).network, Step(ALONE, TINY).network

    def shapes(network):
        return {name: tuple(value.shape) for name, value in network.state_dict().items()}

    assert shapes(teacher.student) == shapes(joint.teacher) and teacher.teacher is None
    assert shapes(student.student) == shapes(joint.student) and student.teacher is None
    assert set(joint.objective.terms) == {"teacher_segmentation", "student_segmentation", "barlow_twins"}
    assert list(teacher.objective.terms) == list(student.objective.terms) == ["student_segmentation"]


@pytest.mark.parametrize("overlays", [JOINT, ALL])
def test_every_term_has_its_full_weight(overlays):
    network = Step(overlays, TINY).network
    objectives = [module for module in network.modules() if hasattr(module, "terms")]
    step = {"image": torch.randn(1, 4, 32, 32, 32), "label": torch.zeros(1, 3, 32, 32, 32)}
    network(*step.values())
    assert objectives and all(objective.progress == 1 for objective in objectives)


def test_step_changes_the_weights():
    step = Step(ALONE, TINY)
    before = [p.detach().clone() for p in step.network.parameters()]
    seconds = step(torch.randn(2, 4, 32, 32, 32), torch.zeros(2, 3, 32, 32, 32))
    assert seconds > 0 and any(not torch.equal(a, b) for a, b in zip(before, step.network.parameters()))


def test_all_kinds_of_step_are_timed():
    rows = step_rows(1, overrides=TINY | {"students_per_step": 2})
    assert len(rows) == 2 and all(row.value > 0 for row in rows) and "2 students a step" in rows[1].what

"""Every student in one module: turns, gradients, and that each learns as it would alone."""

import pytest
import torch
from monai.networks.nets import DynUNet
from scripts.common.errors import UserError
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.all_students import AllStudents, loss_with_gradients, new_students
from scripts.networks.teacher_student import TeacherStudent

SUBSETS = [("flair",), ("t1", "t2"), ("t1ce",)]


def _network(channels, seed=0):
    torch.manual_seed(seed)
    return DynUNet(3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8], norm_name="INSTANCE")


def _student_objective(seed=5):
    torch.manual_seed(seed)
    terms = {"student": Term(SegmentationLoss("student")), "barlow_twins": Term(BarlowTwins(8, project_dim=4), 0.1)}
    return Objective(terms)


def _teacher_objective():
    return Objective({"teacher": Term(SegmentationLoss("teacher"))})


def _all(students_per_step=2, frozen=False):
    students = [_network(len(subset), seed) for seed, subset in enumerate(SUBSETS, 1)]
    objective = None if frozen else _teacher_objective()
    return AllStudents(students, SUBSETS, _student_objective(), students_per_step, _network(4), objective)


def _batch():
    torch.manual_seed(9)
    return torch.randn(1, 4, 16, 16, 16), (torch.rand(1, 3, 16, 16, 16) > 0.8).float()


def test_students_take_turns_and_all_have_had_equally_many():
    networks, seen = _all(), []
    for _ in range(3):
        seen += networks.turn()
        networks(*_batch())
    assert seen == ["flair", "t1+t2", "t1ce", "flair", "t1+t2", "t1ce"]


def test_validation_takes_no_turn():
    networks = _all().eval()
    networks(*_batch())
    assert networks.turn() == ["flair", "t1+t2"]


def test_only_the_students_whose_turn_it_is_get_gradients():
    networks = _all()
    networks(*_batch())["loss"].backward()
    has = {name: any(p.grad is not None for p in net.parameters()) for name, net in networks.networks().items()}
    assert has == {"teacher": True, "flair": True, "t1+t2": True, "t1ce": False}


def test_gradients_are_those_of_a_joint_run_of_each_subset():
    networks = _all(students_per_step=3)
    networks(*_batch())["loss"].backward()
    for seed, subset in enumerate(SUBSETS, 1):
        objective = _student_objective()
        objective.terms["teacher"] = Term(SegmentationLoss("teacher"))
        name = "+".join(subset)
        alone = TeacherStudent(_network(len(subset), seed), objective, subset, _network(4))
        alone(*_batch())["loss"].backward()
        for (path, p), q in zip(alone.student.named_parameters(), networks.students[name].parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, msg=lambda m: f"{name} {path}: {m}")
        # Barlow Twins lets no gradient to the teacher, whose own loss is counted once
        for p, q in zip(alone.teacher.parameters(), networks.teacher.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)


def test_loss_is_the_teachers_and_the_sum_of_the_students_and_terms_are_means():
    networks = _all(students_per_step=3)
    values = networks(*_batch())
    expected = values["teacher"] + 3 * (values["student"] + values["barlow_twins"])
    torch.testing.assert_close(values["loss"].detach(), expected)


def test_progress_reaches_every_students_schedule():
    networks = _all(students_per_step=3)
    for objective in networks.objectives.values():
        objective.terms["barlow_twins"].start = 0.5
    networks.progress = 0.4
    assert "barlow_twins" not in networks(*_batch())
    networks.progress = 0.6
    assert "barlow_twins" in networks(*_batch())


def test_frozen_teacher_stays_as_it_is():
    networks = _all(frozen=True).train()
    networks(*_batch())["loss"].backward()
    assert not networks.teacher.training and all(p.grad is None for p in networks.teacher.parameters())


def test_students_learn_without_a_teacher_too():
    students = [_network(len(subset)) for subset in SUBSETS]
    networks = AllStudents(students, SUBSETS, Objective({"student": Term(SegmentationLoss("student"))}), 3)
    networks(*_batch())["loss"].backward()
    assert list(networks.networks()) == ["flair", "t1+t2", "t1ce"]
    assert all(any(p.grad is not None for p in student.parameters()) for student in students)


def test_gradients_of_the_teacher_and_of_each_student_are_clipped_apart():
    networks = _all()
    groups = networks.parameter_groups()
    assert len(groups) == 4 and sum(map(len, groups)) == len(list(networks.parameters()))
    assert {id(p) for p in groups[2]} >= {id(p) for p in networks.students["t1+t2"].parameters()}
    assert len(_all(frozen=True).parameter_groups()[0]) == 0


def test_new_students_expect_tumour_to_be_rare():
    new = lambda in_channels: _network(in_channels)  # noqa: E731
    for student, subset in zip(new_students(new, SUBSETS, "cpu", 0.01), SUBSETS):
        student.deep_supervision = False
        with torch.no_grad():
            assert torch.sigmoid(student(torch.randn(1, len(subset), 16, 16, 16))).mean() < 0.1


def test_turn_is_part_of_the_state():
    networks, other = _all(), _all()
    networks(*_batch())
    other.load_state_dict(networks.state_dict())
    assert other.turn() == ["t1ce", "flair"]


@pytest.mark.parametrize("number", [0, 4])
def test_impossible_number_of_students_is_refused(number):
    with pytest.raises(UserError, match="must be 1 to 3"):
        _all(students_per_step=number)


def _values(weight, other):
    return lambda: {"loss": (weight**2 * other).sum(), "term": weight.sum()}


def test_gradients_are_those_of_the_usual_backward_pass_and_scale_with_the_sum():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    other = torch.tensor([3.0, 4.0], requires_grad=True)
    values = loss_with_gradients(_values(weight, other), [weight, other])
    (2 * values["loss"] + weight.sum()).backward()
    # 2 * d(w^2 o) / dw + 1 = 4 w o + 1, and 2 w^2
    assert weight.grad.tolist() == [13.0, 33.0] and other.grad.tolist() == [2.0, 8.0]
    assert values["loss"].item() == 19.0 and not values["term"].requires_grad


def test_outputs_of_another_network_pass_their_gradient_on():
    deep = torch.tensor([2.0], requires_grad=True)
    output = deep**3
    weight = torch.tensor([5.0], requires_grad=True)
    loss_with_gradients(_values(weight, output), [weight, output])["loss"].backward()
    assert deep.grad.tolist() == [25.0 * 12.0]


def test_what_the_loss_does_not_use_gets_no_gradient():
    weight, unused = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    loss_with_gradients(_values(weight, torch.tensor([1.0])), [weight, unused])["loss"].backward()
    assert unused.grad is None


def test_graph_is_gone_when_it_returns():
    weight = torch.tensor([1.0], requires_grad=True)
    kept = []

    def compute():
        kept.append(torch.utils.weak.WeakTensorKeyDictionary())
        hidden = weight.exp()
        kept[0][hidden] = True
        return {"loss": (hidden * hidden).sum()}

    values = loss_with_gradients(compute, [weight])
    assert len(kept[0]) == 0 and values["loss"].requires_grad


def test_students_that_take_turns_leave_parameters_unused():
    assert _all(students_per_step=2).leaves_parameters_unused()
    assert not _all(students_per_step=3).leaves_parameters_unused()

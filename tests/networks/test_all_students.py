"""Every student in one module: turns, gradients, and that each learns as it would alone."""

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import DynUNet
from scripts.common.errors import UserError
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.consistency import Consistency
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.all_students import AllStudents, loss_with_gradients, new_students, round_of_turns
from scripts.networks.teacher_student import TeacherStudent
from scripts.research.runs import configs

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


def _consistency_objective():
    terms = {
        "teacher_segmentation": Term(SegmentationLoss("teacher"), 0.2),
        "student_segmentation": Term(SegmentationLoss("student"), 0.8),
        "consistency": Term(Consistency(), 2.5),
    }
    return Objective(terms)


def test_the_teacher_learns_with_the_recipes_weight_and_the_mean_of_the_students_gradients():
    students = [_network(len(subset), seed) for seed, subset in enumerate(SUBSETS, 1)]
    whole = _consistency_objective()
    networks = AllStudents(students, SUBSETS, whole.of_student(), 3, _network(4), whole.of_teacher())
    values = networks(*_batch())
    values["loss"].backward()
    expected, of_teacher = [0.0] * len(list(networks.teacher.parameters())), []
    for seed, subset in enumerate(SUBSETS, 1):
        alone = TeacherStudent(_network(len(subset), seed), _consistency_objective(), subset, _network(4))
        result = alone(*_batch())
        result["loss"].backward()
        of_teacher.append(result["teacher_segmentation"])
        # the labels' gradient is the same in each run, so that the mean has it once, and a third of each consistency's
        expected = [total + p.grad / 3 for total, p in zip(expected, alone.teacher.parameters(), strict=True)]
        for p, q in zip(alone.student.parameters(), networks.students["+".join(subset)].parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)
    torch.testing.assert_close(values["teacher_segmentation"], of_teacher[0])
    for gradient, p in zip(expected, networks.teacher.parameters(), strict=True):
        torch.testing.assert_close(p.grad, gradient, atol=1e-6, rtol=1e-4)


def test_the_schedule_of_the_teachers_own_term_follows_the_training():
    networks = _all(students_per_step=3)
    networks.teacher_objective.terms["teacher"].start = 0.5
    assert "teacher" not in networks(*_batch())
    networks.progress = 0.6
    assert "teacher" in networks(*_batch())


def test_every_student_is_measured_in_a_round_of_turns():
    for students_per_step, rounds in ((1, 3), (2, 2), (3, 1)):
        networks, seen = _all(students_per_step), []
        assert networks.steps_of_a_round() == rounds
        for _ in range(rounds):
            seen += networks.turn()
            networks.steps += 1
        assert set(seen) == {"flair", "t1+t2", "t1ce"}


def test_a_student_may_have_more_turns_than_others_evenly_apart():
    names = ["t1", "t1ce", "t2", "flair"]
    assert round_of_turns(names, 2, {}) == names
    # t1ce at 3/16 and 11/16 of the round, flair at 7/24, 15/24 and 23/24
    expected = ["t1", "t1ce", "flair", "t2", "flair", "t1ce", "flair"]
    assert round_of_turns(names, 1, {"t1ce": 2, "flair": 3}) == expected


@pytest.mark.parametrize(
    "turns, students_per_step, message",
    [
        ({"t1": 2}, 1, "t1: 2, but must hold"),
        ({"flair": 0}, 1, "flair: 0"),
        ({"flair": 1.5}, 1, "flair: 1.5"),
        ({"flair": 2}, 3, "gives flair two turns in one step of 3"),
    ],
)
def test_impossible_turns_are_refused(turns, students_per_step, message):
    with pytest.raises(UserError, match=message):
        round_of_turns(["flair", "t1+t2", "t1ce"], students_per_step, turns)


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
    all_at_once = _all(students_per_step=3)
    assert not all_at_once.leaves_parameters_unused()
    all_at_once.teacher_objective.terms["teacher"].needs_expert_label = True  # a step without an expert's label
    assert all_at_once.leaves_parameters_unused()


@pytest.mark.parametrize("overlays", [("consistency", "train_all"), ("train_all", "consistency")])
def test_train_all_has_the_weights_of_its_recipe(overlays):
    parser = ConfigParser()
    parser.read_config(configs(*overlays))
    parser.update({"filters": [4, 8, 16], "student_subsets": [["flair"]], "device": "cpu", "amp": False})
    networks = parser.get_parsed_content("distiller")
    assert str(networks.teacher_objective) == "loss = 0.2 teacher_segmentation"
    assert str(networks.objectives["flair"]) == "loss = 0.8 student_segmentation + 2.5 consistency (from 0%, ramp 7%)"

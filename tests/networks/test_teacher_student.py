"""Teacher and student in one module: who sees what, what is recorded, where gradients go."""

import pytest
import torch
from monai.networks.nets import DynUNet
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.teacher_student import TeacherStudent


def _network(channels):
    return DynUNet(
        3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8], deep_supervision=True, deep_supr_num=1
    )


def _joint(**kwargs):
    torch.manual_seed(0)
    terms = {
        "teacher_segmentation": Term(SegmentationLoss("teacher")),
        "student_segmentation": Term(SegmentationLoss("student")),
        "barlow_twins": Term(BarlowTwins(8, project_dim=4)),
    }
    terms.update(kwargs.pop("terms", {}))
    return TeacherStudent(_network(2), Objective(terms), ["t1ce", "flair"], _network(4), **kwargs)


def _batch():
    return torch.randn(1, 4, 16, 16, 16), (torch.rand(1, 3, 16, 16, 16) > 0.8).float()


def test_loss_is_the_sum_of_the_three_terms():
    values = _joint()(*_batch())
    assert set(values) == {"loss", "teacher_segmentation", "student_segmentation", "barlow_twins"}
    assert values["loss"].item() == pytest.approx(sum(v.item() for n, v in values.items() if n != "loss"), rel=1e-6)


def test_student_sees_only_its_channels():
    joint, (image, label) = _joint(), _batch()
    before = joint(image, label)["student_segmentation"]
    image[:, [0, 2]] = torch.randn_like(image[:, [0, 2]]) * 100
    assert torch.equal(before, joint(image, label)["student_segmentation"])


def test_deep_supervision_is_recorded_at_its_own_scale():
    output = _joint().run("student", _batch()[0])
    assert [tuple(z.shape[2:]) for z in output.logits] == [(16, 16, 16), (8, 8, 8)]
    assert output.features["bottleneck"].shape == (1, 8, 4, 4, 4)


def test_a_pass_outside_of_a_training_step_keeps_no_features():
    joint, (image, label) = _joint(), _batch()
    joint.network("student")(joint.network_input("student", image))  # as in validation
    hooks = [hooks for _, hooks in joint._recorded.values()]
    assert len(hooks) == 2 and not any(each.take() for each in hooks)
    joint(image, label)
    assert not any(each.take() for each in hooks)


def test_every_parameter_learns_in_joint_training():
    joint = _joint()
    joint(*_batch())["loss"].backward()
    missing = [name for name, p in joint.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # biases before an instance norm have no effect; DynUNet has none
    assert not missing


def test_without_the_student_term_only_barlow_twins_moves_the_student_encoder():
    joint = _joint(terms={"student_segmentation": None})
    joint(*_batch())["loss"].backward()
    assert joint.student.bottleneck.conv1.conv.weight.grad.abs().sum() > 0
    assert joint.student.output_block.conv.conv.weight.grad is None


def test_frozen_teacher_gets_no_gradient_and_stays_in_evaluation_mode():
    joint = _joint(freeze_teacher=True, terms={"teacher_segmentation": None}).train()
    joint(*_batch())["loss"].backward()
    assert not joint.teacher.training and joint.student.training
    assert all(p.grad is None for p in joint.teacher.parameters())
    assert joint.student.input_block.conv1.conv.weight.grad.abs().sum() > 0


def test_training_without_a_teacher():
    alone = TeacherStudent(_network(2), Objective({"s": Term(SegmentationLoss("student"))}), ["t1ce", "flair"])
    assert alone(*_batch())["loss"].isfinite() and list(alone.networks()) == ["student"]


def test_bfloat16_step_gives_float32_loss_and_gradients():
    joint = _joint(amp=True)
    loss = joint(*_batch())["loss"]
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in joint.parameters())


def test_unknown_layer_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no layer 'bottlenek'.*bottleneck"):
        _joint(terms={"barlow_twins": Term(BarlowTwins(8, layer="bottlenek"))})


def test_student_state_dict_is_that_of_the_bare_network():
    assert set(_joint().student.state_dict()) == set(_network(2).state_dict())


def test_only_a_term_that_starts_later_leaves_parameters_unused():
    assert not _joint().leaves_parameters_unused()
    late = {"barlow_twins": Term(BarlowTwins(8, project_dim=4), start=0.5)}
    assert _joint(terms=late).leaves_parameters_unused()

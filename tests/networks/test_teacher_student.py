"""Teacher and student in one module: who sees what, what is recorded, where gradients go."""

import logging

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import DynUNet
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import save_weights
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.teacher_student import TeacherStudent
from scripts.research.runs import configs
from scripts.training.handlers import ClipGradients


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


def test_gradients_of_the_teacher_and_of_the_student_are_clipped_apart():
    joint = _joint()
    for parameter in joint.parameters():
        parameter.grad = torch.zeros_like(parameter)
    joint.teacher.input_block.conv1.conv.weight.grad.view(-1)[:2] = torch.tensor([3.0, 4.0])  # norm 5
    joint.student.input_block.conv1.conv.weight.grad.view(-1)[:2] = torch.tensor([0.3, 0.4])  # norm 0.5
    ClipGradients(joint.parameter_groups(), max_norm=1.0)(None)
    assert joint.teacher.input_block.conv1.conv.weight.grad.norm().item() == pytest.approx(1.0, abs=1e-4)
    assert joint.student.input_block.conv1.conv.weight.grad.norm().item() == pytest.approx(0.5)
    assert sum(map(len, joint.parameter_groups())) == len(list(joint.parameters()))
    frozen = _joint(freeze_teacher=True, terms={"teacher_segmentation": None}).parameter_groups()
    assert [len(group) > 0 for group in frozen] == [False, True]


def test_the_ensemble_is_that_of_teacher_and_student_or_left_out_with_a_reason(caplog):
    assert _joint().sequences(ensemble=True)["ensemble"] == SEQUENCES
    alone = TeacherStudent(_network(2), Objective({"s": Term(SegmentationLoss("student"))}), ["t1ce", "flair"])
    with caplog.at_level(logging.INFO):
        assert alone.sequences(ensemble=True) == {"student": ("t1ce", "flair")}
    assert "The ensemble is left out: it is the mean of a teacher and one student, but the networks are student." in (
        caplog.text
    )


def test_a_joint_student_of_all_four_sequences_has_weights_of_its_own(tmp_path):
    terms = Objective({"student_segmentation": Term(SegmentationLoss("student"))})
    joint = TeacherStudent(_network(4), terms, list(SEQUENCES), _network(4))
    for name in ("teacher", "model"):
        save_weights(tmp_path / f"{name}.pt", joint.teacher, {"sequences": list(SEQUENCES)})
    files = {name: path for name, (path, _) in joint.weights(str(tmp_path)).items()}
    assert files == {"teacher": f"{tmp_path}/teacher.pt", "student": f"{tmp_path}/model.pt"}
    # that of train_teacher.json, alone
    alone = TeacherStudent(_network(4), terms, list(SEQUENCES))
    assert alone.weights(str(tmp_path)) == {"student": (f"{tmp_path}/teacher.pt", SEQUENCES)}


@pytest.mark.parametrize("names, ensemble", [(["student"], False), (["teacher", "student", "ensemble"], True)])
def test_the_mean_is_computed_only_if_the_group_has_an_ensemble(names, ensemble):
    parser = ConfigParser()
    parser.read_config(configs("mutual"))
    parser.update({"network_sequences": dict.fromkeys(names, ["flair"]), "device": "cpu", "amp": False})
    assert parser.get_parsed_content("validate#inferer").ensemble is ensemble

"""Output prior, and which weights each network starts from."""

import logging

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import DynUNet
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import save_weights
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.initialise import RANDOM, load_starting_weights, set_output_prior
from scripts.networks.teacher_student import TeacherStudent
from scripts.research.runs import configs

FIRST = "input_block.conv1.conv.weight"


def test_every_head_first_predicts_about_the_given_probability():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=[4, 8, 8, 8], deep_supervision=True)
    assert set_output_prior(network, 0.05) is network
    biases = [p for name, p in network.named_parameters() if name.endswith("bias") and "conv.conv" in name]
    assert len(biases) == 2  # the output and one deep-supervision head
    for bias in biases:
        torch.testing.assert_close(torch.sigmoid(bias), torch.full((3,), 0.05))
    with torch.no_grad():
        mean = torch.sigmoid(network.eval()(torch.randn(1, 1, 32, 32, 32))).median()
    assert 0.01 < mean < 0.2


def test_norms_and_inner_layers_are_left_alone():
    torch.manual_seed(0)
    network = DynUNet(3, 1, 3, [3] * 3, [1, 2, 2], [2] * 2, filters=[4, 8, 8], norm_name=("INSTANCE", {"affine": True}))
    before = {name: p.clone() for name, p in network.named_parameters()}
    set_output_prior(network)
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"output_block.conv.conv.bias"}


@pytest.mark.parametrize("probability", [0, 1, 1.5])
def test_impossible_probability_is_refused(probability):
    with pytest.raises(ValueError, match="initial_probability is"):
        set_output_prior(torch.nn.Conv3d(1, 3, 1), probability)


def _network(channels, filters=(4, 4, 8)):
    return DynUNet(3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=filters, deep_supervision=True, deep_supr_num=1)


def _pair(teacher=True, filters=(4, 4, 8), **kwargs):
    terms = {"student_segmentation": Term(SegmentationLoss("student"))}
    return TeacherStudent(
        _network(2, filters), Objective(terms), ["t1ce", "flair"], _network(4) if teacher else None, **kwargs
    )


@pytest.fixture
def trained(tmp_path):
    """Folder of a trained teacher."""
    torch.manual_seed(1)
    save_weights(tmp_path / "teacher.pt", _network(4), {"sequences": list(SEQUENCES), "spacing": 2.0})
    return tmp_path


def test_warm_start_fills_teacher_and_student_and_says_so(trained, caplog):
    pair, provenance = _pair(), {}
    with caplog.at_level(logging.INFO):
        starts = load_starting_weights(pair, 2.0, None, str(trained), True, provenance)
    state = torch.load(trained / "teacher.pt", weights_only=True)
    assert torch.equal(pair.teacher.state_dict()[FIRST], state[FIRST])
    torch.testing.assert_close(pair.student.state_dict()[FIRST], state[FIRST][:, [1, 3]] * 2)  # 4 sequences / 2
    path = str(trained / "teacher.pt")
    assert starts == provenance["starts_from"] == {"teacher": path, "student": path}
    assert f"teacher, student start from {path}; loss = 1 student_segmentation" in caplog.text


def test_students_may_start_from_another_network_than_the_teacher(trained, tmp_path):
    path = str(tmp_path / "any_subset.pt")
    save_weights(path, _network(4), {"sequences": list(SEQUENCES), "spacing": 2.0})
    pair = _pair()
    starts = load_starting_weights(pair, 2.0, None, str(trained), True, student_from=path)
    assert starts == {"teacher": str(trained / "teacher.pt"), "student": path}
    state = torch.load(path, weights_only=True)
    torch.testing.assert_close(pair.student.state_dict()[FIRST], state[FIRST][:, [1, 3]] * 2)


def test_network_of_other_filters_keeps_its_random_weights_and_the_log_says_which(trained, caplog):
    pair = _pair(filters=(4, 8, 8))
    before = pair.student.state_dict()[FIRST].clone()
    with caplog.at_level(logging.INFO):
        starts = load_starting_weights(pair, 2.0, None, str(trained), True)
    assert torch.equal(pair.student.state_dict()[FIRST], before)
    assert starts["student"].startswith(RANDOM) and starts["teacher"].endswith("teacher.pt")
    assert "student starts from random weights, since the trained teacher has other filters" in caplog.text


@pytest.mark.parametrize(
    "rate, filters, warned", [(0.002, (4, 8, 8), True), (0.01, (4, 8, 8), False), (0.002, (4, 4, 8), False)]
)
def test_random_weights_are_warned_of_where_the_rate_is_that_of_trained_ones(trained, caplog, rate, filters, warned):
    with caplog.at_level(logging.WARNING):
        load_starting_weights(_pair(filters=filters), 2.0, None, str(trained), True, {"learning_rate": rate})
    sentence = "learning_rate is 0.002, which is meant for trained weights, but student starts from random ones: set"
    assert (sentence in caplog.text) == warned


def test_without_warm_start_all_weights_stay_random(trained):
    pair = _pair()
    before = {name: tensor.clone() for name, tensor in pair.state_dict().items()}
    assert set(load_starting_weights(pair, 2.0, None, str(trained), False).values()) == {RANDOM}
    assert all(torch.equal(tensor, before[name]) for name, tensor in pair.state_dict().items())


def test_frozen_teacher_is_loaded_whatever_the_students_start(trained):
    starts = load_starting_weights(_pair(freeze_teacher=True), 2.0, None, str(trained), False)
    assert starts == {"teacher": f"{trained / 'teacher.pt'} (frozen)", "student": RANDOM}


def test_frozen_teacher_of_another_spacing_is_refused(trained):
    with pytest.raises(UserError, match="was trained at 2 mm, not at 3"):
        load_starting_weights(_pair(freeze_teacher=True), 3.0, None, str(trained), False)


@pytest.mark.parametrize("kwargs, warm", [({"freeze_teacher": True}, False), ({}, True)])
def test_missing_teacher_is_named_with_the_way_to_one(kwargs, warm):
    with pytest.raises(UserError, match="--teacher_from.*train_teacher.json.*--warm_start false"):
        load_starting_weights(_pair(**kwargs), 2.0, None, None, warm)


@pytest.mark.parametrize("recipe, rate", [("emkd", 0.01), ("kd_net", 0.002), ("choi2023", 0.01)])
def test_a_recipe_has_the_rate_of_the_weights_that_it_starts_from(recipe, rate):
    parser = ConfigParser()
    parser.read_config(configs(recipe))
    assert parser.get_parsed_content("learning_rate") == rate

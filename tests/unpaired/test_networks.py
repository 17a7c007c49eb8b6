"""The group of networks: what is evaluated, saved and trained, and passes without gradient for the network."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.unpaired.losses.adversary import Adversary
from scripts.unpaired.networks import UnpairedNetworks, run_network
from scripts.unpaired.translators import Translator
from unpaired.segmentors import networks, objective, real_step, segmentor
from unpaired.stubs import Times


def _mkd(**more):
    segmentors = {"student": segmentor(0), "assistant": segmentor(1)}
    return UnpairedNetworks(segmentors, objective(), "flair", **more)


def test_only_segmentors_that_are_used_at_test_are_evaluated_and_saved(tmp_path):
    assert list(_mkd().networks()) == ["student"]
    assert _mkd().sequences(ensemble=True) == {"student": ("flair",)}  # an ensemble of one would be the student
    both = _mkd(at_test=["student", "assistant"])
    assert both.sequences(ensemble=True) == dict.fromkeys(("student", "assistant", "ensemble"), ("flair",))
    assert {name: path for name, (path, _) in both.weights("o").items()} == {
        "student": "o/model_flair.pt",
        "assistant": "o/assistant.pt",
    }


@pytest.mark.parametrize("at_test", [["assistant"], ["student", "teacher"]])
def test_wrong_segmentors_at_test_are_refused(at_test):
    with pytest.raises(ValueError, match="at_test"):
        _mkd(at_test=at_test)


def test_a_scan_gives_its_channel_of_the_target():
    scan = torch.arange(4.0).view(1, 4, 1, 1, 1)
    assert networks().network_input("student", scan).tolist() == [[[[[3.0]]]]]


def test_discriminators_are_trained_apart_from_all_others():
    judge = torch.nn.Conv3d(1, 1, 1)
    group = networks(
        terms={"adversary": Adversary(judge, ["target"], ["source_as_target"])},
        translators={"target": Translator(4, 1)},
    )
    trained = {id(parameter) for parameter in group.trained_parameters()}
    judges = {id(parameter) for parameter in group.objective.discriminator_parameters()}
    assert judges == {id(parameter) for parameter in judge.parameters()} and not trained & judges
    assert trained | judges == {id(parameter) for parameter in group.parameters()}
    segmentors, translators = group.rate_groups(0.01, 0.002)
    assert segmentors["lr"] == 0.01 and translators["lr"] == 0.002 and translators["betas"][0] == 0.5


def test_a_pass_without_gradient_for_the_network_leaves_it_trainable():
    group = networks()
    image = torch.randn(1, 1, 16, 16, 16, requires_grad=True)
    frozen = group.run_on("student", image, "source", to_network=False)
    frozen.logits[0].sum().backward()
    assert image.grad.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in group.parameters())
    torch.testing.assert_close(frozen.logits[0], group.run_on("student", image, "source").logits[0])


def test_output_has_logits_of_each_scale():
    group = networks()
    group.train()
    assert [tuple(z.shape[2:]) for z in real_step(group).output("student", "target").logits] == [(16,) * 3, (8,) * 3]


def test_parameters_get_a_gradient_on_request_only():
    times, x = Times(2.0), torch.tensor(3.0, requires_grad=True)
    run_network(times, x).backward()
    assert times.factor.grad is None and x.grad == 2
    run_network(times, x, to_network=True).backward()
    assert times.factor.grad == 3


def test_a_translation_without_its_translator_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="image source_as_target, which needs a translator to the target.*has none"):
        real_step(networks()).image("source_as_target")
    one = real_step(networks(translators={"target": Translator(4, 1)}))
    with pytest.raises(UserError, match="image target_as_source, .*translates to the target alone"):
        one.image("target_as_source")


def test_a_misspelt_network_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="names the network 'studnt', but this recipe has student and assistant"):
        real_step(_mkd()).output("studnt", "source")

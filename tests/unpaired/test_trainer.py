"""Alternating steps: the discriminator learns in its own, from what the others have made."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.losses.objective import Term
from scripts.unpaired.losses.adversary import Adversary
from scripts.unpaired.losses.segmentation import UnpairedSegmentation
from scripts.unpaired.trainer import UnpairedTrainer, discriminator_optimizer
from scripts.unpaired.translators import Translator
from torch.utils.data import DataLoader
from unpaired.segmentors import networks, sides


def _trainer(group, prepare=lambda batch, device: sides(), rate=0.1):
    judges = discriminator_optimizer(
        group.objective.discriminator_parameters(), lambda params: torch.optim.SGD(params, 0.1)
    )
    optimizer = torch.optim.SGD(group.trained_parameters(), rate)
    return UnpairedTrainer("cpu", 1, DataLoader([0]), group, optimizer, judges, prepare)


def _adversarial():
    judge = torch.nn.Conv3d(1, 1, 1)
    terms = {"adversary": Adversary(judge, ["target"], ["source_as_target"])}
    return networks(terms=terms, translators={"target": Translator(4, 1)}), judge


def test_both_steps_are_taken_and_the_losses_of_both_are_reported():
    group, judge = _adversarial()
    before = {name: value.detach().clone() for name, value in group.named_parameters()}
    trainer = _trainer(group)
    trainer.run()
    values = trainer.state.output["pred"]
    assert set(values) == {"loss", "student_segmentation", "adversary", "discriminator_adversary"}
    changed = {name.split(".")[0] for name, value in group.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {"segmentors", "translators", "objective"}
    assert "step" not in trainer.state.output


def test_the_discriminators_step_does_not_move_the_others():
    group, judge = _adversarial()
    before = {name: value.clone() for name, value in group.segmentors.state_dict().items()}
    _trainer(group, rate=0.0).run()
    assert all(torch.equal(value, before[name]) for name, value in group.segmentors.state_dict().items())


def test_before_its_adversary_starts_a_recipe_trains_without_it():
    judge = torch.nn.Conv3d(1, 1, 1)
    late = Term(Adversary(judge, ["target"], ["source_as_target"]), start=0.5)
    trainer = _trainer(networks(terms={"adversary": late}, translators={"target": Translator(4, 1)}))
    before = judge.weight.detach().clone()
    trainer.run()
    assert set(trainer.state.output["pred"]) == {"loss", "student_segmentation"} and torch.equal(judge.weight, before)


def test_a_recipe_without_adversary_has_no_second_optimiser():
    assert discriminator_optimizer([], torch.optim.Adam) is None
    trainer = _trainer(networks())
    trainer.run()
    assert set(trainer.state.output["pred"]) == {"loss", "student_segmentation"}


def test_a_step_to_which_no_term_applies_ends_the_training_with_a_sentence():
    group = networks()
    group.objective.terms["student_segmentation"].loss = UnpairedSegmentation(["target"])

    def unlabelled(batch, device):
        source, target = sides()
        target.labelled[:] = False
        return source, target

    with pytest.raises(UserError, match="target#labelled_share"):
        _trainer(group, unlabelled).run()

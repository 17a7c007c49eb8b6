"""How strongly a distillation term acts: ratios by hand, medians, and what is left out."""

import logging

import pytest
import torch
from ignite.engine import Engine
from scripts.losses.objective import Objective, Term
from scripts.training.gradient_ratios import GradientRatios
from torch import nn


class _Slope(nn.Module):
    """A loss whose gradient for ``weight`` is (slope, 0), or none."""

    layers = ()

    def __init__(self, weight, slope):
        super().__init__()
        self.weight, self.slope = weight, slope

    def forward(self, teacher, student, label):
        return self.slope * self.weight[0] if self.slope else label.sum()


class _Networks(nn.Module):
    def __init__(self, **slopes):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        terms = {name: Term(_Slope(self.weight, slope)) for name, slope in slopes.items()}
        terms["soft_targets"].weight = 0.5
        self.objective = Objective(terms)

    def student_objectives(self):
        return [(self.objective, [self.weight])]

    def steps_of_a_round(self):
        return 1


def _run(networks, every=2, steps=4, provenance=None):
    def step(engine, batch):
        if batch == 2:  # the third step's distillation acts three times as strongly
            networks.objective.terms["soft_targets"].loss.slope = 9.0
        return networks.objective(None, None, torch.zeros(2))["loss"].backward()

    engine = Engine(step)
    ratios = GradientRatios(networks, every, provenance if provenance is not None else {})
    ratios.attach(engine)
    engine.run(range(steps), max_epochs=1)
    return engine, ratios


def test_ratio_of_weighted_gradients_by_hand_is_measured_every_other_step():
    provenance = {}
    networks = _Networks(student_segmentation=2.0, soft_targets=3.0)
    engine, ratios = _run(networks, provenance=provenance)
    # 0.5 * 3 / 2 in the first step, 0.5 * 9 / 2 in the third
    assert ratios.ratios == {"soft_targets": [pytest.approx(0.75), pytest.approx(2.25)]}
    assert engine.state.metrics["gradient_soft_targets"] == pytest.approx(1.5)
    assert provenance["gradient_ratios"] == {"soft_targets": 1.5}


def test_measuring_does_not_change_the_training():
    gradients = []
    for every in (1, 100):
        networks = _Networks(student_segmentation=2.0, soft_targets=3.0)
        _run(networks, every)
        gradients.append(networks.weight.grad)
    assert torch.equal(*gradients)


def test_a_term_of_the_labels_is_no_distillation_though_the_student_is_its_own_teacher():
    networks = _Networks(student_segmentation=2.0, soft_targets=3.0, teacher_segmentation=4.0)
    assert _run(networks)[1].ratios.keys() == {"soft_targets"}


class _Turns(nn.Module):
    """Four students that learn two a step, of which student number i has the ratio i + 1."""

    def __init__(self):
        super().__init__()
        each = [_Networks(student_segmentation=1.0, soft_targets=2.0 * (i + 1)) for i in range(4)]
        self.each, self.step = nn.ModuleList(each), 0

    def student_objectives(self):
        return [pair for each in self.each for pair in each.student_objectives()]

    def steps_of_a_round(self):
        return 2

    def learn(self):
        for i in (2 * self.step % 4, 2 * self.step % 4 + 1):
            self.each[i].objective(None, None, torch.zeros(2))
        self.step += 1


def test_students_that_take_turns_are_all_measured_at_an_interval_of_their_own_steps():
    networks, provenance = _Turns(), {}
    engine = Engine(lambda engine, batch: networks.learn())
    ratios = GradientRatios(networks, 4, provenance)
    ratios.attach(engine)
    engine.run(range(16), max_epochs=1)
    # steps 0, 1 and 8, 9 of the 16: each student learnt 8 times and was measured twice, 0.5 * 2 (i + 1) / 1
    assert [each["soft_targets"] for each in ratios.of_student] == [[1.0] * 2, [2.0] * 2, [3.0] * 2, [4.0] * 2]
    assert [each["soft_targets"] for each in ratios.medians] == [1.0, 2.0, 3.0, 4.0]
    assert provenance["gradient_ratios"] == {"soft_targets": 2.5}


def test_a_term_that_does_not_reach_the_student_has_no_ratio():
    networks = _Networks(student_segmentation=2.0, soft_targets=3.0, teacher_segmentation=0.0)
    assert _run(networks)[1].ratios.keys() == {"soft_targets"}


def test_the_end_of_the_run_says_the_median(caplog):
    with caplog.at_level(logging.INFO):
        _run(_Networks(student_segmentation=2.0, soft_targets=3.0))
    assert "gradient of soft_targets was 1.50 times that of the segmentation loss (median of 2" in caplog.text


def test_a_resumed_run_keeps_the_earlier_measurements():
    first = _run(_Networks(student_segmentation=2.0, soft_targets=3.0), steps=2)[1]
    second = GradientRatios(_Networks(student_segmentation=2.0, soft_targets=3.0), 2, {})
    second.load_state_dict(first.state_dict())
    assert second.ratios == {"soft_targets": [pytest.approx(0.75)]} and second.of_student == [second.ratios]
    second.load_state_dict({"ratios": {"soft_targets": [1.0]}})  # as versions up to 0.12 saved it
    assert second.ratios == {"soft_targets": [1.0]}

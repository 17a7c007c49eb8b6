# SPDX-License-Identifier: Apache-2.0
"""Validation metrics by hand."""

import pytest
import torch
from ignite.engine import Engine
from scripts.common.errors import UserError
from scripts.common.metrics import case_measures
from scripts.common.sequences import REGIONS
from scripts.training.metrics import best_metric, other_metrics


def _values(networks, name, item):
    evaluator = Engine(lambda engine, batch: [item])
    for each, metric in (best_metric(networks, name) | other_metrics(networks, name)).items():
        metric.attach(evaluator, each)
    evaluator.run([0])
    return evaluator.state.metrics


def test_metrics_of_two_networks_by_hand():
    # one voxel a region: teacher right in tc and wt, student in none; et is empty in the label
    label = torch.tensor([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    values = _values(
        ["teacher", "student"], "student_dice", {"teacher": label.clone(), "student": 1 - label, "label": label}
    )
    assert len(values) == 2 + 1 + 2 * 3
    # et is empty in the label: the teacher's is empty too (1), the student draws one (0)
    assert values["teacher_dice"] == 1 and values["student_dice"] == 0 and values["mean_dice"] == 0.5
    assert values["teacher_wt"] == 1 and values["student_tc"] == 0
    assert values["teacher_et"] == 1 and values["student_et"] == 0


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_a_false_enhancing_tumour_costs_as_much_as_in_evaluation(drawn):
    label = torch.tensor([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    prediction = torch.tensor([1.0, 1.0, drawn]).reshape(3, 1, 1, 1)
    values = _values(["student"], "student_dice", {"student": prediction, "label": label})
    rows = case_measures(prediction, label, [1.0, 1.0, 1.0])
    assert values["student_dice"] == pytest.approx(sum(row["dice"] for row in rows) / 3) == (3 - drawn) / 3
    assert values["student_et"] == rows[REGIONS.index("et")]["dice"] == 1 - drawn


def test_a_metric_of_a_region_looks_at_its_channel_alone():
    label = torch.ones(3, 1, 1, 1)
    prediction = torch.tensor([0.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    values = _values(["student"], "student_dice", {"student": prediction, "label": label})
    assert (values["student_tc"], values["student_wt"], values["student_et"]) == (0, 1, 0)


def test_one_network_has_no_mean_of_its_own_value():
    assert set(other_metrics(["student"], "student_dice")) == {"student_tc", "student_wt", "student_et"}
    assert list(best_metric(["student"], "mean_dice")) == ["mean_dice"]


def test_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="best_metric is 'dice', but must be one of student_dice, mean_dice"):
        best_metric(["student"], "dice")

# SPDX-License-Identifier: Apache-2.0
"""MONAI's federated client trains the bundle round after round, and evaluates it."""

import pytest
import torch
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject
from tiny import ROOT, tiny


def _copy(exchanged: ExchangeObject) -> dict:
    """The weights as they are now: the client gives its own tensors, which it goes on to train."""
    return {name: value.clone() for name, value in exchanged.weights.items()}


@pytest.fixture(scope="module")
def rounds(trained, cohort, tmp_path_factory):
    """Of each of three rounds: learning rates of its steps, weights before and after, statistics, metrics."""
    output = tmp_path_factory.mktemp("federated")
    client = MonaiAlgo(
        bundle_root=str(ROOT),
        local_epochs=2,
        send_weight_diff=False,
        train_kwargs=tiny(cohort, output_dir=str(output / "training")),
        eval_kwargs=tiny(cohort, output_dir=str(output / "evaluation"), report=False),
    )
    with pytest.warns(UserWarning, match="provisioned"):
        client.initialize()
    scheduler, results = client.train_workflow.parser.get_parsed_content("lr_scheduler"), []
    for _ in range(3):
        before, rates = _copy(client.get_weights()), []
        hook = client.trainer.optimizer.register_step_pre_hook(
            lambda *_, rates=rates: rates.append(scheduler.get_last_lr()[0])
        )
        client.train(ExchangeObject(weights=before))
        hook.remove()
        trained_here = client.get_weights()
        metrics = client.evaluate(ExchangeObject(weights=_copy(trained_here))).metrics
        results.append((rates, before, _copy(trained_here), trained_here.statistics, metrics))
    client.finalize()
    return results


def test_every_round_trains_for_its_epochs_with_the_whole_schedule(rounds):
    assert [statistics[FlStatistics.NUM_EXECUTED_ITERATIONS] for *_, statistics, _ in rounds] == [4, 4, 4]
    first, second, third = (rates for rates, *_ in rounds)
    assert first == second == third and len(set(first)) == 4


def test_weights_of_teacher_and_student_change_in_every_round(rounds):
    for _, before, after, *_ in rounds:
        for network in ("teacher", "student"):
            name = next(name for name in before if name.startswith(network))
            assert not torch.equal(before[name], after[name])


def test_evaluation_returns_the_dice_of_each_network(rounds):
    for *_, metrics in rounds:
        assert {
            f"{network}_{part}" for network in ("teacher", "student") for part in ("dice", "tc", "wt", "et")
        } == set(metrics)
        assert all(isinstance(value, float) and 0 <= value <= 1 for value in metrics.values())

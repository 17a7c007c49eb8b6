# SPDX-License-Identifier: Apache-2.0
"""Around the training steps: logged terms, best weights, progress."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.engines import SupervisedEvaluator
from monai.handlers import ValidationHandler
from scripts.common.errors import UserError
from scripts.research.runs import configs
from scripts.training.checkpoints import BestCheckpoint, report_results
from scripts.training.handlers import (
    ClipGradients,
    EpochMeans,
    LastValidation,
    LossProgressBar,
    RestartSchedule,
    SeedEachEpoch,
    StopIfNotFinite,
    TrainingProgress,
    early_stop,
    loss_terms,
    terms_of_step,
)
from torch import nn


def _output(**terms):
    values = {name: torch.tensor(value) for name, value in terms.items()}
    return {"pred": {"loss": sum(values.values())} | values}


def test_terms_are_logged_by_name_with_their_share():
    assert loss_terms(_output(a=3.0, b=1.0)) == {"loss": 4.0, "a": 3.0, "b": 1.0, "share_a": 0.75, "share_b": 0.25}
    # of two students: the loss is their sum, a term their mean
    two = {name: torch.tensor(value) for name, value in (("loss", 8.0), ("a", 3.0), ("b", 1.0))}
    assert loss_terms({"pred": two})["share_a"] == 0.75


def test_single_steps_have_other_names_than_the_means_of_epochs():
    assert terms_of_step(_output(a=3.0)) == {"step/loss": 3.0, "step/a": 3.0, "step/share_a": 1.0}


def test_an_epoch_does_not_show_what_only_an_earlier_one_measured():
    outputs = [_output(a=1.0, late=2.0), _output(a=3.0)]
    engine = Engine(lambda engine, batch: outputs[engine.state.epoch - 1])
    EpochMeans().attach(engine)
    engine.run([0], max_epochs=2)
    assert engine.state.metrics == {"loss": 3.0, "a": 3.0, "share_a": 1.0}


def test_epoch_means_by_hand_with_a_term_that_starts_late():
    outputs = [_output(a=1.0), _output(a=3.0, late=2.0)]
    engine = Engine(lambda engine, batch: outputs[batch])
    EpochMeans().attach(engine)
    engine.run([0, 1], max_epochs=2)
    # a: (1 + 3) / 2; late: 2, of its one step; loss: (1 + 5) / 2; the second epoch does not add to the first
    metrics = engine.state.metrics
    assert (metrics["a"], metrics["late"], metrics["loss"]) == (2.0, 2.0, 3.0)


def test_progress_is_the_fraction_of_all_steps():
    objective, seen = SimpleNamespace(progress=None), []
    engine = Engine(lambda engine, batch: seen.append(objective.progress))
    TrainingProgress(objective).attach(engine)
    engine.run([0, 1], max_epochs=2)
    assert seen == [0, 0.25, 0.5, 0.75]


def test_no_epoch_has_the_numbers_of_another_one_or_of_another_seed():
    drawn = {}
    for seed in (0, 1, 0):
        engine = Engine(lambda engine, batch, seed=seed: drawn[seed].append(torch.rand(()).item()))
        SeedEachEpoch(seed, None).attach(engine)
        before, drawn[seed] = drawn.get(seed), []
        engine.run([0], max_epochs=3)
        assert before in (None, drawn[seed])  # the same seed repeats them
    assert len(set(drawn[0] + drawn[1])) == 6


def test_schedule_starts_again_when_the_trainer_goes_on_after_its_end():
    optimizer = torch.optim.AdamW(nn.Linear(1, 1).parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=4 + 1)
    rates, momenta = [], []

    def step(engine, batch):
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["betas"][0])

    engine = Engine(step)
    RestartSchedule(schedule).attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: schedule.step())
    for epochs in (2, 4, 6):
        engine.run([0, 1], max_epochs=epochs)
    assert rates[0] < max(rates[:4]) and rates[:4] == rates[4:8] == rates[8:]
    assert momenta[0] > min(momenta[:4]) and momenta[:4] == momenta[4:8] == momenta[8:]


def test_schedule_without_an_end_is_left_alone():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    engine = Engine(lambda engine, batch: optimizer.step())
    RestartSchedule(schedule).attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: schedule.step())
    engine.run([0, 1], max_epochs=2)
    assert optimizer.param_groups[0]["lr"] == 0.5**4


def test_training_stops_after_so_many_validations_without_progress():
    dice = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    evaluator = Engine(lambda engine, batch: engine.state.metrics.update(student_dice=next(dice)))
    trainer = Engine(lambda engine, batch: evaluator.run([0]))
    early_stop(trainer, evaluator, 2, "student_dice", {})
    trainer.run([0], max_epochs=5)
    # 0.6 is the best; 0.6 again and 0.4 are two without progress
    assert trainer.state.epoch == 4


def test_gradients_are_clipped_to_their_common_norm_before_the_step():
    weight, bias = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    weight.grad, bias.grad = torch.tensor([3.0]), torch.tensor([4.0])  # norm 5
    ClipGradients([[weight, bias]], max_norm=1.0)(None)
    assert weight.grad.item() == pytest.approx(0.6, abs=1e-4) and bias.grad.item() == pytest.approx(0.8, abs=1e-4)
    ClipGradients([[weight, bias]], max_norm=10.0)(None)  # small ones are left alone
    assert weight.grad.item() == pytest.approx(0.6, abs=1e-4)
    weight.grad, bias.grad = torch.tensor([3.0]), torch.tensor([0.5])
    ClipGradients([[weight], [bias]], max_norm=1.0)(None)  # each list by itself
    assert weight.grad.item() == pytest.approx(1.0, abs=1e-4) and bias.grad.item() == 0.5


def test_progress_bar_counts_the_steps_of_all_epochs_and_shows_loss_and_dice():
    evaluator = SimpleNamespace(state=SimpleNamespace(metrics={"student_dice": 0.5, "student_wt": 0.9}))
    engine, bar, shown = Engine(lambda engine, batch: _output(a=2.0)), LossProgressBar("Training", evaluator), []
    bar.attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: shown.append((bar.pbar.n, bar.pbar.total)))
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: shown.append(bar.pbar.postfix))
    engine.run([0, 1], max_epochs=2)
    assert shown[::2] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert shown[1] == "loss=2, student_dice=0.5" and bar.pbar is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_training_stops_at_a_loss_that_is_not_finite(value, tmp_path):
    stop = StopIfNotFinite(nn.Linear(1, 1), str(tmp_path / "last.pt"))
    state = SimpleNamespace(output={"loss": torch.tensor(1.0)}, epoch=2, iteration=7)
    stop.check_loss(SimpleNamespace(state=state))
    state.output["loss"] = torch.tensor(value)
    with pytest.raises(UserError, match="epoch 2, step 7, the loss is not finite.*nothing was saved.*--learning_rate"):
        stop.check_loss(SimpleNamespace(state=state))


def test_training_stops_at_an_epoch_that_ends_with_weights_that_are_not_finite(tmp_path):
    (tmp_path / "last.pt").touch()
    network = nn.Linear(1, 1)
    engine = SimpleNamespace(state=SimpleNamespace(epoch=3, iteration=9))
    StopIfNotFinite(network, str(tmp_path / "last.pt")).check_weights(engine)
    nn.init.constant_(network.weight, float("nan"))
    with pytest.raises(UserError, match="the network is not finite.*last.pt has the state after the last good epoch"):
        StopIfNotFinite(network, str(tmp_path / "last.pt")).check_weights(engine)


def _validated(scans, epochs, interval, checkpoint=None):
    """A training of one step an epoch with MONAI's handler; the epochs that were validated."""
    network, seen = nn.Linear(1, 1), []
    evaluator = SupervisedEvaluator("cpu", scans, network, prepare_batch=lambda batch, *args, **kwargs: (batch, batch))
    evaluator.add_event_handler(Events.COMPLETED, lambda engine: seen.append(engine.state.epoch))
    trainer = Engine(lambda engine, batch: None)
    ValidationHandler(interval, evaluator).attach(trainer)
    LastValidation(evaluator, interval, [] if checkpoint is None else [checkpoint]).attach(trainer)
    trainer.run([0], max_epochs=epochs)
    return seen


@pytest.mark.parametrize("epochs, interval, seen", [(5, 3, [3, 5]), (6, 3, [3, 6]), (2, 3, [2])])
def test_the_last_epoch_is_validated_once_whatever_the_interval(epochs, interval, seen):
    assert _validated([torch.zeros(1, 1)], epochs, interval) == seen


@pytest.mark.filterwarnings("ignore:.*dataloader. is empty")
def test_without_validation_subjects_the_weights_of_the_last_epoch_are_kept_and_the_log_says_so(tmp_path, caplog):
    checkpoint = BestCheckpoint(nn.Linear(1, 1), "student_dice", tmp_path / "model.pt", {"seed": 0})
    with caplog.at_level(logging.INFO):
        assert _validated([], 5, 3, checkpoint) == []
        report_results([checkpoint], str(tmp_path))
    assert json.loads((tmp_path / "model.json").read_text()) == {"seed": 0, "epoch": 5}
    assert torch.equal(torch.load(tmp_path / "model.pt")["weight"], checkpoint.network.weight)
    assert "There are no validation subjects: the weights of the last epoch are kept" in caplog.text
    assert f"The weights are in {tmp_path}: model.pt. They are those of the last epoch, as there were no" in caplog.text
    assert "-inf" not in caplog.text and "missing" not in caplog.text


def test_the_shipped_training_validates_its_last_epoch_before_it_saves_its_state():
    handlers = ConfigParser.load_config_file(configs()[0])["train"]["handlers"]
    names = [handler["_target_"].rpartition(".")[2] for handler in handlers]
    first, last = names.index("ValidationHandler"), names.index("LastValidation")
    assert first < last < names.index("LastCheckpoint") and names.index("StopIfNotFinite") < first
    assert handlers[first]["interval"] == handlers[last]["interval"] == "@val_interval"

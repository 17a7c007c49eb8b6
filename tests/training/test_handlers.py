"""Around the training steps: logged terms, best weights, progress."""

import json
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from scripts.training.checkpoints import BestCheckpoint, LastCheckpoint, resume
from scripts.training.handlers import (
    ClipGradients,
    EpochMeans,
    SeedEachEpoch,
    TrainingProgress,
    dice_metrics,
    early_stop,
    loss_terms,
    region_pairs,
)


def _output(**terms):
    values = {name: torch.tensor(value) for name, value in terms.items()}
    return {"pred": {"loss": sum(values.values())} | values}


def test_terms_are_logged_by_name_with_their_share():
    assert loss_terms(_output(a=3.0, b=1.0)) == {"loss": 4.0, "a": 3.0, "b": 1.0, "share_a": 0.75, "share_b": 0.25}


def test_epoch_means_by_hand_with_a_term_that_starts_late():
    outputs = [_output(a=1.0), _output(a=3.0, late=2.0)]
    engine = Engine(lambda engine, batch: outputs[batch])
    EpochMeans().attach(engine)
    engine.run([0, 1], max_epochs=2)
    # a: (1 + 3) / 2; late: (0 + 2) / 2; loss: (1 + 5) / 2; the second epoch does not add to the first
    metrics = engine.state.metrics
    assert (metrics["a"], metrics["late"], metrics["loss"]) == (2.0, 1.0, 3.0)


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


def _evaluated(keeper, value, epoch):
    keeper(SimpleNamespace(state=SimpleNamespace(metrics={"dice": value}, epoch=epoch)))


def test_only_better_weights_replace_the_saved_ones(tmp_path):
    network = nn.Linear(1, 1)
    keeper = BestCheckpoint(network, "dice", tmp_path / "model.pt", {"seed": 0})
    for value, epoch, weight in ((0.5, 1, 1.0), (0.4, 2, 2.0), (float("nan"), 3, 3.0)):
        nn.init.constant_(network.weight, weight)
        _evaluated(keeper, value, epoch)
    assert torch.load(tmp_path / "model.pt")["weight"].item() == 1.0
    assert json.loads((tmp_path / "model.json").read_text()) == {"seed": 0, "epoch": 1, "dice": 0.5}


def test_best_value_survives_a_resume(tmp_path):
    keeper = BestCheckpoint(nn.Linear(1, 1), "dice", tmp_path / "model.pt", {})
    keeper.load_state_dict({"best": 0.9})
    _evaluated(keeper, 0.8, 1)
    assert not list(tmp_path.iterdir()) and keeper.state_dict() == {"best": 0.9}


def test_last_checkpoint_holds_every_object_and_the_trainer(tmp_path):
    engine = Engine(lambda engine, batch: None)
    network = nn.Linear(1, 1)
    LastCheckpoint({"distiller": network}, tmp_path / "last.pt").attach(engine)
    engine.run([0, 1, 2], max_epochs=2)
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert torch.equal(state["distiller"]["weight"], network.weight) and state["trainer"]["iteration"] == 6


@pytest.mark.parametrize("region, channel", [("tc", 0), ("wt", 1), ("et", 2)])
def test_a_metric_can_look_at_one_region(region, channel):
    item = {"student": torch.arange(3.0).reshape(3, 1), "label": 10 + torch.arange(3.0).reshape(3, 1)}
    predictions, labels = region_pairs("student", region)([item])
    assert predictions[0].item() == channel and labels[0].item() == 10 + channel


def test_training_stops_after_so_many_validations_without_progress():
    dice = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    evaluator = Engine(lambda engine, batch: engine.state.metrics.update(student_dice=next(dice)))
    trainer = Engine(lambda engine, batch: evaluator.run([0]))
    early_stop(trainer, evaluator, 2, "student_dice", {})
    trainer.run([0], max_epochs=5)
    # 0.6 is the best; 0.6 again and 0.4 are two without progress
    assert trainer.state.epoch == 4


def test_a_resumed_training_remembers_how_long_it_has_made_no_progress(tmp_path):
    def run(values, epochs, resumed):
        dice = iter(values)
        evaluator = Engine(lambda engine, batch: engine.state.metrics.update(student_dice=next(dice)))
        trainer, objects = Engine(lambda engine, batch: None), {}
        # as MONAI's ValidationHandler does, and before LastCheckpoint
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: evaluator.run([0]))
        early_stop(trainer, evaluator, 2, "student_dice", objects)
        LastCheckpoint(objects, tmp_path / "last.pt").attach(trainer)
        if resumed:
            resume(trainer, objects, str(tmp_path), torch.device("cpu"))
        trainer.run([0], max_epochs=epochs)
        return trainer.state.epoch

    LastCheckpoint({}, tmp_path / "last.pt")(Engine(lambda engine, batch: None))  # of a run that had no early stop
    assert run([0.6, 0.5, 0.4, 0.9], 9, resumed=True) == 3
    assert run([0.6, 0.5], 2, resumed=False) == 2  # killed after one validation without progress
    assert run([0.4, 0.9], 9, resumed=True) == 3  # the second one ends it; forgetful, it would go on to 0.9


def test_metrics_of_two_networks_by_hand_with_the_key_first():
    # one voxel a region: teacher right in tc and wt, student in none; et is empty in the label
    label = torch.tensor([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    item = {"teacher": label.clone(), "student": 1 - label, "label": label}
    metrics = dice_metrics(["teacher", "student"], "student_dice")
    assert list(metrics)[0] == "student_dice" and len(metrics) == 2 + 1 + 2 * 3
    evaluator = Engine(lambda engine, batch: [item])
    for name, metric in metrics.items():
        metric.attach(evaluator, name)
    evaluator.run([0])
    values = evaluator.state.metrics
    # a region that is empty in the label is left out by MONAI
    assert values["teacher_dice"] == 1 and values["student_dice"] == 0 and values["mean_dice"] == 0.5
    assert values["teacher_wt"] == 1 and values["student_tc"] == 0


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

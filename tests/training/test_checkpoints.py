# SPDX-License-Identifier: Apache-2.0
"""Best and last checkpoints of a training."""

import fcntl
import json
import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events
from scripts.common.errors import UserError
from scripts.training.checkpoints import (
    BestCheckpoint,
    LastCheckpoint,
    best_checkpoints,
    check_output_dir,
    present,
    report_results,
    resume,
)
from scripts.training.handlers import early_stop
from torch import nn


def _evaluated(checkpoint, value, epoch):
    checkpoint(SimpleNamespace(state=SimpleNamespace(metrics={"dice": value}, epoch=epoch)))


def test_only_better_weights_replace_the_saved_ones(tmp_path):
    network = nn.Linear(1, 1)
    checkpoint = BestCheckpoint(network, "dice", tmp_path / "model.pt", {"seed": 0})
    for value, epoch, weight in ((0.5, 1, 1.0), (0.4, 2, 2.0), (float("nan"), 3, 3.0)):
        nn.init.constant_(network.weight, weight)
        _evaluated(checkpoint, value, epoch)
    assert torch.load(tmp_path / "model.pt")["weight"].item() == 1.0
    assert json.loads((tmp_path / "model.json").read_text()) == {"seed": 0, "epoch": 1, "dice": 0.5}


def test_provenance_is_read_when_the_weights_are_saved(tmp_path):
    provenance = {"seed": 0, "sequences": ["t1"]}
    checkpoint = BestCheckpoint(nn.Linear(1, 1), "dice", tmp_path / "t.pt", provenance, {"sequences": ["t1", "t2"]})
    provenance["gradient_ratios"] = {"barlow_twins": 0.3}
    checkpoint(SimpleNamespace(state=SimpleNamespace(metrics={"dice": 0.5}, epoch=1)))
    record = json.loads((tmp_path / "t.json").read_text())
    assert record["gradient_ratios"] == {"barlow_twins": 0.3} and record["sequences"] == ["t1", "t2"]


def test_best_value_survives_a_resume(tmp_path):
    checkpoint = BestCheckpoint(nn.Linear(1, 1), "dice", tmp_path / "model.pt", {})
    checkpoint.load_state_dict({"best": 0.9})
    _evaluated(checkpoint, 0.8, 1)
    assert not list(tmp_path.iterdir()) and checkpoint.state_dict() == {"best": 0.9}


def test_what_a_recipe_does_not_have_is_not_saved():
    assert present(optimizer="adam", discriminator_optimizer=None) == {"optimizer": "adam"}


def test_last_checkpoint_holds_every_object_and_the_trainer(tmp_path):
    engine = Engine(lambda engine, batch: None)
    network = nn.Linear(1, 1)
    LastCheckpoint({"distiller": network}, tmp_path / "last.pt").attach(engine)
    engine.run([0, 1, 2], max_epochs=2)
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert torch.equal(state["distiller"]["weight"], network.weight) and state["trainer"]["iteration"] == 6


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


def test_earlier_run_is_neither_overwritten_nor_missed(tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        check_output_dir(str(tmp_path), resume=True)
    check_output_dir(str(tmp_path), resume=False)
    (tmp_path / "last.pt").touch()
    check_output_dir(str(tmp_path), resume=True)
    with pytest.raises(UserError, match="--resume true"):
        check_output_dir(str(tmp_path), resume=False)


@pytest.mark.parametrize("name", ["teacher.pt", "model.pt", "model_flair.pt", "any_subset.pt"])
def test_a_folder_with_other_weights_is_not_trained_into(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"holds weights that this training might overwrite .{name}.: choose another"):
        check_output_dir(str(tmp_path), resume=False)


def test_each_student_records_its_own_gradient_ratios(tmp_path):
    class Students:
        names, frozen, network = ["flair", "t1"], set(), staticmethod(lambda name: nn.Linear(1, 1))

        def sequences(self):
            return {"teacher": ("t1", "flair"), "flair": ("flair",), "t1": ("t1",)}

    medians = [{}, {}]
    provenance = {"gradient_ratios": {"barlow_twins": 0.3}}
    checkpoints = best_checkpoints(Students(), tmp_path, provenance, SimpleNamespace(medians=medians), [8, 16])
    medians[0]["barlow_twins"] = 0.2  # t1 has not been measured
    for checkpoint in checkpoints:
        checkpoint.save(1)
    ratios = {path.stem: json.loads(path.read_text()).get("gradient_ratios") for path in tmp_path.glob("*.json")}
    assert json.loads((tmp_path / "teacher.json").read_text())["filters"] == [8, 16]
    assert "filters" not in json.loads((tmp_path / "model_t1.json").read_text())
    assert ratios == {"teacher": {"barlow_twins": 0.3}, "model_flair": {"barlow_twins": 0.2}, "model_t1": None}


def test_what_a_killed_run_has_left_is_removed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / f".{process.pid}.last.pt").touch()
    check_output_dir(str(tmp_path), resume=False)
    assert not list(tmp_path.iterdir())


def test_end_of_a_run_names_the_weights_their_dice_and_the_next_command(tmp_path, caplog):
    checkpoint = BestCheckpoint(nn.Linear(1, 1), "student_dice", tmp_path / "model.pt", {})
    checkpoint.best = 0.6789
    with caplog.at_level(logging.INFO):
        report_results([checkpoint], str(tmp_path))
    assert f"The weights are in {tmp_path}: model.pt (student_dice 0.679)." in caplog.text
    assert f"--ckpt_dir {tmp_path} --output_dir {tmp_path}/evaluation" in caplog.text
    assert f"{tmp_path}/model.pt is missing: it was removed after it was saved" in caplog.text
    (tmp_path / "model.pt").touch()
    caplog.clear()
    report_results([checkpoint], str(tmp_path))
    assert "is missing" not in caplog.text


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_a_damaged_last_checkpoint_is_named_without_torchs_advice(content, tmp_path):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(UserError, match="last.pt is damaged or is no checkpoint of a training") as caught:
        resume(Engine(lambda engine, batch: None), {}, str(tmp_path), torch.device("cpu"))
    assert "weights_only" not in str(caught.value)


def test_fewer_epochs_than_were_done_are_refused(tmp_path):
    engine = Engine(lambda engine, batch: None)
    LastCheckpoint({}, tmp_path / "last.pt").attach(engine)
    engine.run([0, 1], max_epochs=3)
    trainer = Engine(lambda engine, batch: None)
    trainer.state.max_epochs = 2
    with pytest.raises(UserError, match="last.pt is from epoch 3, but this run has only 2: raise --epochs"):
        resume(trainer, {}, str(tmp_path), torch.device("cpu"))


def _cycle(epochs):
    optimizer = torch.optim.AdamW(nn.Linear(1, 1).parameters())
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=2 * epochs + 1)


@pytest.mark.parametrize("epochs", [4, 2])
def test_a_resumed_run_follows_the_schedule_of_its_own_length(tmp_path, epochs):
    def run(total, stop, resumed):
        optimizer, schedule = _cycle(total)
        trainer, rates = Engine(lambda engine, batch: optimizer.step()), []
        objects = {"optimizer": optimizer, "lr_scheduler": schedule}
        trainer.add_event_handler(Events.ITERATION_STARTED, lambda _: rates.append(optimizer.param_groups[0]["lr"]))
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: schedule.step())
        LastCheckpoint(objects, tmp_path / "last.pt").attach(trainer)
        if resumed:
            resume(trainer, objects, str(tmp_path), torch.device("cpu"))
        trainer.run([0, 1], max_epochs=stop)
        return rates

    run(2, 1, resumed=False)  # killed after the first of two epochs
    later = run(epochs, epochs, resumed=True)
    optimizer, schedule = _cycle(epochs)
    whole = []
    for _ in range(2 * epochs):
        whole.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert later == pytest.approx(whole[2:])


def test_another_configuration_is_refused_and_a_checkpoint_without_one_is_resumed(tmp_path):
    class Configuration:
        def state_dict(self):
            return {"seed": 0}

        def load_state_dict(self, stored):
            raise UserError(f"stored {stored}")

    objects = {"configuration": Configuration()}
    LastCheckpoint({}, tmp_path / "last.pt")(Engine(lambda engine, batch: None))
    resume(Engine(lambda engine, batch: None), objects, str(tmp_path), torch.device("cpu"))
    LastCheckpoint(objects, tmp_path / "last.pt")(Engine(lambda engine, batch: None))
    with pytest.raises(UserError, match="stored {'seed': 0}"):
        resume(Engine(lambda engine, batch: None), objects, str(tmp_path), torch.device("cpu"))


@pytest.mark.parametrize("spoil", [lambda state: {}, lambda state: state | {"param_groups": 5}, lambda state: "text"])
def test_an_entry_that_does_not_fit_is_told_in_a_sentence(tmp_path, spoil):
    objects = {"optimizer": torch.optim.AdamW(nn.Linear(1, 1).parameters())}
    LastCheckpoint(objects, tmp_path / "last.pt").attach(trainer := Engine(lambda engine, batch: None))
    trainer.run([0], max_epochs=1)
    state = torch.load(tmp_path / "last.pt")
    torch.save(state | {"optimizer": spoil(state["optimizer"])}, tmp_path / "last.pt")
    resumed = Engine(lambda engine, batch: None)
    resume(resumed, objects, str(tmp_path), torch.device("cpu"))
    with pytest.raises(UserError, match="last.pt is damaged or is no checkpoint of a training"):
        resumed.run([0], max_epochs=2)


def test_a_configuration_that_is_none_is_called_damaged(tmp_path):
    class Configuration:
        def load_state_dict(self, stored):
            stored["keys"]

    trainer = Engine(lambda engine, batch: None)
    torch.save({"configuration": {}, "trainer": {"iteration": 2, "epoch_length": 2}}, tmp_path / "last.pt")
    with pytest.raises(UserError, match="last.pt is damaged"):
        resume(trainer, {"configuration": Configuration()}, str(tmp_path), torch.device("cpu"))


def test_a_best_value_that_is_nan_does_not_keep_later_weights_from_being_saved(tmp_path):
    checkpoint = BestCheckpoint(nn.Linear(1, 1), "dice", tmp_path / "model.pt", {})
    checkpoint.load_state_dict({"best": float("nan")})
    _evaluated(checkpoint, 0.1, 1)
    assert (tmp_path / "model.pt").is_file()


def test_a_second_training_in_the_folder_is_refused_before_it_writes(tmp_path):
    trainer = Engine(lambda engine, batch: None)
    LastCheckpoint({}, tmp_path / "run" / "last.pt").attach(trainer)
    (tmp_path / "run").mkdir()
    handle = os.open(tmp_path / "run", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="Another training is running in .*run: wait for it, or choose another"):
        trainer.run([0], max_epochs=1)
    assert not list((tmp_path / "run").iterdir())
    os.close(handle)
    trainer.run([0], max_epochs=1)
    handle = os.open(tmp_path / "run", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again
    os.close(handle)


def test_only_the_main_process_reports_the_results(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("scripts.training.checkpoints.idist.get_rank", lambda: 1)
    report_results([BestCheckpoint(nn.Linear(1, 1), "dice", tmp_path / "model.pt", {})], str(tmp_path))
    assert not caplog.records  # the main process may still be writing the weights

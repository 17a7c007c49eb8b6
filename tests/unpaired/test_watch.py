"""What translators do is measured; one that gives the same image everywhere, or the scan itself, is reported."""

import logging

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from scripts.unpaired.watch import WatchTranslations
from torch import nn
from unpaired.stubs import StubNetworks, Times, side, step


def _run(caplog, contrast=1.0, factor=10.0, steps=6, epochs=1, every=2):
    networks = StubNetworks()
    networks.target = Times(factor)
    networks.translators = nn.ModuleDict({"target": networks.target})
    source = side(1.0)
    source.image[:, :, 1:] = 1 + contrast / factor * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    one = step(source=source, networks=networks)
    one.image("source_as_target")

    def work(engine, batch):
        engine.state.output = {"step": one}
        engine.fire_event(IterationEvents.MODEL_COMPLETED)

    engine = Engine(work)
    engine.register_events(*IterationEvents)
    WatchTranslations(networks, every=every).attach(engine)
    with caplog.at_level(logging.INFO):
        engine.run([0] * steps, max_epochs=epochs)
    return caplog


def _warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_change_and_contrast_are_logged_each_epoch(caplog):
    _run(caplog, epochs=2)
    # 10 times an image of mean 1: a mean change of 9, and 48 voxels at +-1: sqrt(48 / 47)
    assert caplog.text.count("source_as_target: change 9.000, contrast 1.011 z-units") == 2


def test_a_flat_translation_is_reported_once_an_epoch_with_its_deviation(caplog):
    (warning,) = _warnings(_run(caplog, contrast=0.05))
    assert "source_as_target is constant" in warning and "0.05" in warning


def test_a_translation_that_changes_nothing_is_reported_from_the_second_epoch(caplog):
    (warning,) = _warnings(_run(caplog, factor=1.01, epochs=2))
    assert warning.startswith("In epoch 2, source_as_target is still the scan") and "0.010" in warning


def test_a_translation_with_contrast_is_not_reported(caplog):
    assert _warnings(_run(caplog, epochs=2)) == []


def test_nothing_is_measured_between_the_measurements(caplog, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "std", lambda values: measured.append(1) or torch.tensor(1.0))
    measured = []
    _run(caplog, steps=5)
    assert len(measured) == 2


def test_an_epoch_shorter_than_the_interval_is_measured_at_its_end(caplog):
    text = _run(caplog, steps=3, epochs=2, every=20).text
    assert text.count("source_as_target: change 9.000") == 2

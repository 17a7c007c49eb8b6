"""A translator that gives the same image everywhere is reported with what was measured."""

import logging

import pytest
import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from scripts.unpaired.collapse import WarnOfCollapse
from torch import nn
from unpaired.stubs import StubNetworks, side, step


def _run(contrast, steps, caplog):
    networks = StubNetworks()
    networks.translators = nn.ModuleDict({"target": networks.target})
    source = side(1.0)
    source.image[:, :, 1:] = 1 + 0.1 * contrast * torch.tensor([-1.0, 1.0, -1.0, 1.0])  # times 10 as the target
    one = step(source=source, networks=networks)
    one.image("source_as_target")

    def work(engine, batch):
        engine.state.output = {"step": one}
        engine.fire_event(IterationEvents.MODEL_COMPLETED)

    engine = Engine(work)
    engine.register_events(*IterationEvents)
    WarnOfCollapse(networks, every=2).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run([0] * steps, max_epochs=1)
    return caplog.text


def test_a_flat_translation_is_reported_once_an_epoch_with_its_deviation(caplog):
    text = _run(0.05, 6, caplog)
    assert text.count("source_as_target has collapsed") == 1 and "0.05" in text


@pytest.mark.parametrize("contrast, steps", [(1.0, 6), (0.05, 1)])
def test_a_translation_with_contrast_is_not_nor_one_between_measurements(contrast, steps, caplog):
    assert _run(contrast, steps, caplog) == ""

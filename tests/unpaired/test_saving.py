"""The weights of the last epoch are kept, those of the best are not looked for."""

import json
import logging

import torch
from ignite.engine import Engine
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.saving import LatestWeights, report_unpaired
from unpaired.segmentors import objective, segmentor


def test_each_epoch_replaces_the_weights_with_their_record(tmp_path, caplog):
    group = UnpairedNetworks(
        {"student": segmentor(0), "assistant": segmentor(1), "teacher": segmentor(2)},
        objective(),
        "flair",
        at_test=["student", "assistant"],
    )
    engine = Engine(lambda engine, batch: None)
    LatestWeights(group, str(tmp_path), {"recipe": "mkd", "sequences": ["flair"]}).attach(engine)
    engine.run([0], max_epochs=2)
    assert {path.name for path in tmp_path.glob("*.pt")} == {"model_flair.pt", "assistant.pt"}
    record = json.loads((tmp_path / "model_flair.json").read_text())
    assert record == {"recipe": "mkd", "sequences": ["flair"], "epoch": 2}
    assert json.loads((tmp_path / "assistant.json").read_text())["role"] == "assistant"
    saved = torch.load(tmp_path / "assistant.pt", weights_only=True)
    assert torch.equal(saved["input_block.conv1.conv.weight"], segmentor(1).input_block.conv1.conv.weight)
    with caplog.at_level(logging.INFO):
        report_unpaired(group, str(tmp_path))
    assert "model_flair.pt" in caplog.text and "--student_modalities flair" in caplog.text

"""What an unpaired training starts from."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.common.weights import save_weights
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.start import load_unpaired_start
from unpaired.segmentors import objective, segmentor

SEQUENCES = {"source": "t2", "target": "flair"}


def _group():
    return UnpairedNetworks({"student": segmentor(1), "teacher": segmentor(2)}, objective(), "flair")


def _saved(folder, sequence, seed):
    save_weights(folder / f"model_{sequence}.pt", segmentor(seed), {"sequences": [sequence], "spacing": 2.0})


def _first(network):
    return network.state_dict()["input_block.conv1.conv.weight"]


def test_every_segmentor_starts_from_the_source_weights_and_from_the_targets_if_there_are_any(tmp_path):
    for sequence, seed in (("t2", 7), ("flair", 8)):
        _saved(tmp_path, sequence, seed)
        group, record = _group(), {}
        load_unpaired_start(group, str(tmp_path), SEQUENCES, 2.0, record)
        for network in group.segmentors.values():
            assert torch.equal(_first(network), _first(segmentor(seed)))
        assert record["starts_from"] == dict.fromkeys(("student", "teacher"), str(tmp_path / f"model_{sequence}.pt"))


def test_without_weights_each_segmentor_keeps_its_random_ones():
    group, record = _group(), {}
    load_unpaired_start(group, None, SEQUENCES, 2.0, record)
    assert torch.equal(_first(group.segmentors["student"]), _first(segmentor(1)))
    assert record["starts_from"] == {"student": "random weights", "teacher": "random weights"}


def test_a_folder_without_weights_of_either_sequence_is_refused(tmp_path):
    _saved(tmp_path, "t1", 1)
    with pytest.raises(UserError, match="no weights of flair or t2 alone"):
        load_unpaired_start(_group(), str(tmp_path), SEQUENCES, 2.0, {})
    with pytest.raises(UserError, match="no weights of t2 alone"):
        load_unpaired_start(_group(), str(tmp_path), {"source": "t2", "target": "t2"}, 2.0, {})


@pytest.mark.parametrize("sequence", ["flair", "t2"])
@pytest.mark.parametrize("of_folder", [True, False])
def test_the_record_tells_the_sequence_of_a_file_of_another_name(sequence, of_folder, tmp_path):
    path = tmp_path / "model.pt"
    save_weights(path, segmentor(7), {"sequences": [sequence], "spacing": 2.0})
    group = _group()
    load_unpaired_start(group, str(tmp_path if of_folder else path), SEQUENCES, 2.0, {})
    assert torch.equal(_first(group.segmentors["student"]), _first(segmentor(7)))


def test_a_file_of_another_sequence_is_refused(tmp_path):
    _saved(tmp_path, "t1", 1)
    with pytest.raises(UserError, match="model_t1.pt was trained for t1, but the networks here see flair or t2"):
        load_unpaired_start(_group(), str(tmp_path / "model_t1.pt"), SEQUENCES, 2.0, {})


def test_weights_of_another_spacing_are_refused(tmp_path):
    _saved(tmp_path, "t2", 1)
    with pytest.raises(UserError, match="was trained at 2 mm"):
        load_unpaired_start(_group(), str(tmp_path / "model_t2.pt"), SEQUENCES, 1.0, {})

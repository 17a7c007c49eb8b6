"""Weights on disk: what is saved beside them, and the sentences when they do not fit."""

import json

import pytest
import torch
from torch import nn

from scripts.errors import UserError
from scripts.files import save_atomically
from scripts.weights import load_weights, save_weights

SETTING = {"sequences": ["t1ce", "flair"], "spacing": 2.0, "filters": [16, 32]}


@pytest.fixture
def saved(tmp_path):
    network = nn.Conv3d(2, 3, 1)
    save_weights(tmp_path / "model.pt", network, SETTING)
    return network, tmp_path / "model.pt"


def test_round_trip_of_a_bare_state_dict_with_its_provenance(saved):
    network, path = saved
    assert set(torch.load(path, weights_only=True)) == {"weight", "bias"}
    assert json.loads(path.with_suffix(".json").read_text()) == SETTING
    other = load_weights(nn.Conv3d(2, 3, 1), path, ("t1ce", "flair"), 2.0)
    assert torch.equal(other.weight, network.weight)


def test_other_sequences_are_refused_even_where_the_shape_fits(saved):
    with pytest.raises(
        UserError, match=r"model.pt was trained for t1ce \+ flair, not for t1 \+ t2: set student_modalities"
    ):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1", "t2"))


def test_another_network_is_refused_with_what_the_weights_say_of_themselves(saved):
    with pytest.raises(UserError, match=r"filters \[16, 32\].*does not fit"):
        load_weights(nn.Conv3d(2, 8, 3), saved[1], ("t1ce", "flair"))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match="no weights at .*model.pt: train first"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))
    (tmp_path / "model.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))


def test_another_spacing_is_warned_of(saved, caplog):
    load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"), spacing=1.0)
    assert "trained at 2.0 mm, but runs at 1.0 mm" in caplog.text


def test_a_failing_save_leaves_the_earlier_file_and_no_other(tmp_path):
    path = tmp_path / "last.pt"
    path.write_text("earlier")

    def killed(file):
        file.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_atomically(path, killed)
    assert path.read_text() == "earlier" and list(tmp_path.iterdir()) == [path]

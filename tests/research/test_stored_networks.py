# SPDX-License-Identifier: Apache-2.0
"""A stored network is taken instead of training it again."""

import json

import torch
from scripts.research.stored_networks import short_hash, take, train_or_take


def test_a_run_that_trains_goes_on_from_the_same_float16_weights_as_one_that_takes_them(tmp_path, monkeypatch):
    trained = []

    def train(overlays, output, keys):
        output.mkdir()
        torch.save({"weight": torch.tensor([1 + 2**-12])}, output / "model.pt")  # 1 in float16
        (output / "model.json").write_text('{"recipe": "a", "epoch": 1, "steps_per_epoch": 1}')
        trained.append((overlays, keys))

    monkeypatch.setattr("scripts.research.stored_networks.train_once", train)
    for machine in ("first", "second"):
        train_or_take(("any_subset",), tmp_path / machine, {"epochs": 1}, tmp_path / "stored")
        assert torch.load(tmp_path / machine / "model.pt")["weight"].tolist() == [1.0]
        assert json.loads((tmp_path / machine / "model.json").read_text())["recipe"] == "a"
    assert trained == [(("any_subset",), {"epochs": 1})]


def test_nothing_is_taken_where_nothing_is_stored(tmp_path):
    take(tmp_path / "stored", tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_equal_entries_in_another_order_have_one_hash():
    assert short_hash([{"a": 1, "b": None}]) == short_hash([{"b": None, "a": 1}]) != short_hash([{"a": 1, "b": 2}])
    assert len(short_hash({})) == 8

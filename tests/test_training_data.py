"""Batches for the trainer: maps are rendered anew, scans augmented."""

import numpy as np
import pytest
import torch

from scripts.augment import Rescan
from scripts.contrast import Contrast
from scripts.errors import UserError
from scripts.maps import save_maps
from scripts.training_data import LoadMapsd, PrepareBatch, RandUnenhancedd


def _maps():
    maps = np.zeros((5, 12, 12, 12), np.uint8)
    maps[1, 2:10, 3:9, 4:8] = 255
    maps[4, 4:6, 4:6, 5:7] = 4
    return maps


def test_maps_are_cut_to_the_brain_with_their_label(tmp_path):
    save_maps(tmp_path / "a.npz", _maps(), np.diag([-2.0, -2, 2, 1]))
    item = LoadMapsd("maps", spacing=2.0)({"maps": str(tmp_path / "a.npz")})
    assert item["maps"].shape == (5, 8, 6, 4) and item["maps"].dtype == torch.uint8
    assert torch.equal(item["label"], item["maps"][4:]) and (item["label"] == 4).sum() == 8


def test_maps_of_another_spacing_are_refused(tmp_path):
    save_maps(tmp_path / "a.npz", _maps(), np.diag([-2.0, -2, 2, 1]))
    with pytest.raises(UserError, match="a.npz was simulated at 2 mm, but spacing is 1"):
        LoadMapsd("maps", spacing=1.0)({"maps": str(tmp_path / "a.npz")})


def test_maps_become_a_new_image_each_time_and_nested_regions():
    batch = {"maps": torch.from_numpy(_maps())[None], "label": torch.from_numpy(_maps())[None, 4:]}
    prepare = PrepareBatch(Contrast(spacing=2.0), Rescan(2.0))
    (first, label, args, _), (second, *_) = prepare(batch, "cpu"), prepare(batch, "cpu")
    assert first.shape == (1, 4, 12, 12, 12) and not torch.equal(first, second)
    # the 8 voxels of ET lie in all three regions
    assert label.sum(dim=(0, 2, 3, 4)).tolist() == [8, 8, 8] and args[0] is label


def test_scans_are_augmented_and_their_label_is_not():
    batch = {"image": torch.randn(1, 4, 8, 8, 8), "label": torch.ones(1, 3, 8, 8, 8)}
    for strength, same in ((0, True), (1, False)):
        image, label, _, _ = PrepareBatch(Contrast(spacing=2.0), Rescan(2.0, strength))(batch, "cpu")
        assert torch.equal(image, batch["image"]) == same and torch.equal(label, batch["label"])


def test_the_same_subject_without_enhancement_has_more_core_and_the_same_tissue():
    item = {"maps": torch.from_numpy(_maps()), "label": torch.from_numpy(_maps())[4:]}
    result = RandUnenhancedd(["maps", "label"], prob=1.0)(item)
    for key in ("maps", "label"):
        assert (result[key][-1] == 4).sum() == 0 and (result[key][-1] == 1).sum() == 8
    assert torch.equal(result["maps"][:4], item["maps"][:4]) and (item["label"] == 4).sum() == 8
    assert torch.equal(RandUnenhancedd(["maps", "label"], prob=0.0)(item)["label"], item["label"])

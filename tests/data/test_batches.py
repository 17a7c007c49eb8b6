# SPDX-License-Identifier: Apache-2.0
"""Batches for the trainer: simulated subjects are rendered anew, real scans augmented."""

import numpy as np
import pytest
import torch
from monai.data import CacheDataset
from scripts.common.errors import UserError
from scripts.data.augment import AcquisitionEffects, RandomPose
from scripts.data.batches import LoadMapsd, LoadSubject, PrepareBatch, RandUnenhancedd, list_collate, sampling_weights
from scripts.simulation.cohort import make_cohort
from scripts.simulation.contrast import Contrast
from scripts.simulation.maps import save_maps
from tiny import tiny, workflow


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


def _prepare(strength=0.5, pose=0.0):
    return PrepareBatch(Contrast(spacing=2.0), RandomPose(pose, 10.0, 0.1, 0.05), AcquisitionEffects(2.0, strength))


def _simulated():
    return {
        "simulated": True,
        "patch": torch.from_numpy(_maps()),
        "label": torch.from_numpy(_maps())[4:],
        "expert": True,
    }


def _scan():
    return {"simulated": False, "patch": torch.randn(4, 12, 12, 12), "label": torch.ones(3, 12, 12, 12), "expert": True}


def test_simulated_and_real_subjects_are_loaded_under_the_same_names():
    patch = torch.tensor([[0.0, -1.0, 2.0], [0.0, 0.0, 3.0]]).view(2, 3, 1, 1)  # outside, dark and bright tissue
    load = LoadSubject(
        lambda item: {"maps": patch + 0, "label": 4},
        lambda item: {"image": 2 * patch, "label": 5},
        lambda item: {"image": 3 * patch, "label": 6},
    )
    for item, about, factor in (
        ({"maps": 10, "t1": 20}, {"simulated": True, "expert": True, "label": 4}, 1),
        ({"t1": 20, "label": 0}, {"simulated": False, "expert": True, "label": 5}, 2),
        ({"t1": 20, "unlabelled": True}, {"simulated": False, "expert": False, "label": 6}, 3),
        ({"t1": 20, "unlabelled": True, "maps": 10}, {"simulated": False, "expert": False, "label": 6}, 3),
    ):
        loaded = load(item)
        assert torch.equal(loaded.pop("patch"), factor * patch)
        assert loaded.pop("brain").flatten().tolist() == [0, 1, 1] and loaded == about


def test_the_networks_are_told_whose_labels_an_expert_made():
    image, label, (again, expert), _ = _prepare()([_scan(), _scan() | {"expert": False}], "cpu")
    assert again is label and expert.tolist() == [True, False]


def test_maps_become_a_new_image_each_time_and_nested_regions():
    prepare = _prepare()
    (first, label, args, _), (second, *_) = prepare([_simulated()], "cpu"), prepare([_simulated()], "cpu")
    assert first.shape == (1, 4, 12, 12, 12) and not torch.equal(first, second)
    # the 8 voxels of ET lie in all three regions
    assert label.sum(dim=(0, 2, 3, 4)).tolist() == [8, 8, 8] and args[0] is label


def test_scans_are_augmented_and_without_another_pose_their_label_is_not():
    scan = _scan()
    for strength, same in ((0, True), (1, False)):
        image, label, _, _ = _prepare(strength)([scan], "cpu")
        assert torch.equal(image[0], scan["patch"]) == same and torch.equal(label[0], scan["label"])


def test_a_real_scan_of_another_number_type_is_not_taken_for_simulated_maps():
    scan = _scan() | {key: _scan()[key].to(torch.uint8) for key in ("patch", "label")}
    image, label, _, _ = _prepare(strength=0)([scan], "cpu")
    assert torch.equal(image[0], scan["patch"]) and torch.equal(label[0], scan["label"])


def test_a_batch_may_hold_simulated_and_real_subjects():
    scan = _scan()
    image, label, _, _ = _prepare(strength=0)([_simulated(), scan], "cpu")
    assert image.shape == (2, 4, 12, 12, 12) and label[0].sum() == 24
    assert torch.equal(image[1], scan["patch"]) and torch.equal(label[1], scan["label"])


def test_samples_of_several_patches_become_one_list():
    assert list_collate([[{"a": 1}, {"a": 2}], [{"a": 3}], {"a": 4}]) == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]


def test_real_subjects_get_their_share_of_the_patches():
    items = [{"maps": "a"}, {"maps": "b"}, {"maps": "c"}, {"t1": "d"}]
    assert sampling_weights(items, 0.4) == pytest.approx([0.2, 0.2, 0.2, 0.4])
    assert sampling_weights(items[:3], 0.4) == pytest.approx([1 / 3] * 3) and sampling_weights(items[3:], 0.4) == [1.0]
    assert sampling_weights(items[:3], 1.0) == pytest.approx([1 / 3] * 3)


def test_subjects_without_labels_get_their_share_and_the_others_divide_the_rest():
    items = [{"maps": "a"}, {"t1": "b"}, {"t1": "c", "unlabelled": True}, {"t1": "d", "unlabelled": True}]
    # of the half that has labels three quarters are real
    assert sampling_weights(items, 0.75, 0.5) == pytest.approx([0.125, 0.375, 0.25, 0.25])
    assert sampling_weights(items, None, 0.5) == pytest.approx([0.25, 0.25, 0.25, 0.25])
    assert sampling_weights(items[:2], None, 0.5) == pytest.approx([0.5, 0.5])
    # without a simulated subject the share of the real ones has no meaning, and half stays unlabelled
    assert sampling_weights(items[1:], 0.2, 0.5) == pytest.approx([0.5, 0.25, 0.25])
    # a simulated subject whose maps are not to be used
    items[2]["maps"] = "c"
    assert sampling_weights(items, 0.75, 0.5) == pytest.approx([0.125, 0.375, 0.25, 0.25])


def test_the_same_subject_without_enhancement_has_more_core_and_the_same_tissue():
    item = _simulated()
    result = RandUnenhancedd(["patch", "label"], prob=1.0)(item)
    for key in ("patch", "label"):
        assert (result[key][-1] == 4).sum() == 0 and (result[key][-1] == 1).sum() == 8
    assert torch.equal(result["patch"][:4], item["patch"][:4]) and (item["label"] == 4).sum() == 8
    assert torch.equal(RandUnenhancedd(["patch", "label"], prob=0.0)(item)["label"], item["label"])


def test_a_real_scan_keeps_its_enhancement():
    item = {"simulated": False, "patch": torch.full((4, 4, 4, 4), 4.0), "label": torch.full((3, 4, 4, 4), 4.0)}
    assert RandUnenhancedd(["patch", "label"], prob=1.0)(item)["label"].unique().tolist() == [4.0]


@pytest.mark.parametrize("overlays", [(), ("full.json",)])
def test_loaded_subjects_are_kept_and_rendered_patches_are_not(overlays, cohort, tmp_path, monkeypatch):
    make_cohort(cohort, 2, 1, 1, spacing=4.0)
    started = workflow("train.json", *overlays, **tiny(cohort, output_dir=str(tmp_path), warm_start=False))
    started.initialize()
    dataset = started.parser.get_parsed_content("train#dataset")
    dataset[0]  # PersistentDataset keeps what has been asked for
    monkeypatch.setattr("scripts.data.batches.load_maps", lambda path: pytest.fail("the maps were read again"))
    samples = [dataset[0][0]["patch"] for _ in range(5)]
    assert all(sample.dtype == torch.uint8 and sample.shape == (5, 32, 32, 32) for sample in samples)
    assert any(not torch.equal(samples[0], sample) for sample in samples[1:])  # other patches, from what was kept
    assert isinstance(dataset, CacheDataset) or list((tmp_path / "cache").glob("*.pt"))

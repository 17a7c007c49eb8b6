# SPDX-License-Identifier: Apache-2.0
"""Maps of one subject: determinism, what the arrays hold, and files that are whole or absent."""

import math

import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.simulation.maps import drop_small, load_maps, make_maps, save_maps

SPACING = 4.0


@pytest.fixture(scope="module")
def drawn():
    return make_maps(11, SPACING)


def test_same_seed_gives_the_same_bytes(drawn, tmp_path):
    again = make_maps(11, SPACING)
    for name, maps in (("a.npz", drawn), ("b.npz", again)):
        save_maps(tmp_path / name, *maps)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_different_seeds_give_different_subjects(drawn):
    other, _ = make_maps(12, SPACING)
    assert (other[4] != drawn[0][4]).any() and (other[0] != drawn[0][0]).mean() > 0.01


def test_grid_is_that_of_brats(drawn):
    maps, affine = drawn
    assert maps.shape == (5, 60, 60, 39) and maps.dtype == np.uint8  # 240/4, 240/4, 155/4 rounded up
    np.testing.assert_array_equal(affine, [[-4, 0, 0, 0], [0, -4, 0, 239], [0, 0, 4, 0], [0, 0, 0, 1]])


def test_fractions_sum_to_at_most_255_and_are_0_outside(drawn):
    total = drawn[0][:4].sum(0, dtype=int)
    assert total.max() <= 255
    assert np.median(total[total > 128]) > 250
    assert not total[0].any() and not total[:, 0].any() and not total[:, :, -1].any()


def test_labels_are_those_of_brats_and_lie_inside_the_brain(drawn):
    maps, _ = drawn
    assert set(np.unique(maps[4])) <= {0, 1, 2, 4} and (maps[4] > 0).any()
    assert (maps[:4].sum(0, dtype=int)[maps[4] > 0] >= 128).all()


def test_a_seed_is_the_same_subject_at_every_spacing(drawn):
    fine, _ = make_maps(11, 2.0)
    coarse = drawn[0]
    assert (fine[4, ::2, ::2, ::2] > 0).sum() == pytest.approx((coarse[4] > 0).sum(), rel=0.02)
    both = (fine[4, ::2, ::2, ::2] > 0) & (coarse[4] > 0)
    assert both.sum() > 0.98 * (coarse[4] > 0).sum()
    assert np.abs(fine[1, ::2, ::2, ::2].astype(int) - coarse[1]).mean() < 2


@pytest.mark.parametrize("spacing", [0, 0.49, 8.5, math.nan, math.inf, True, None, "2"])
def test_impossible_spacing_is_refused(spacing):
    with pytest.raises(UserError, match=f"spacing is {spacing!r}, but subjects are simulated at 0.5 to 8 mm"):
        make_maps(1, spacing)


def test_small_components_are_dropped():
    label = np.zeros((300, 1, 3), dtype=np.uint8)
    label[:200, 0, 0] = 2
    label[0, 0, 2] = 4  # 1 of 200 voxels: below 1%
    label[10:12, 0, 2] = 1  # 2 of 200: 1%
    kept = drop_small(label)
    assert kept[0, 0, 2] == 0 and kept[10, 0, 2] == 1 and (kept[:200, 0, 0] == 2).all()


def test_an_empty_label_map_stays_empty():
    assert not drop_small(np.zeros((3, 3, 3), dtype=np.uint8)).any()


def test_saved_maps_come_back(drawn, tmp_path):
    save_maps(tmp_path / "subject.npz", *drawn)
    maps, affine = load_maps(tmp_path / "subject.npz")
    np.testing.assert_array_equal(maps, drawn[0])
    np.testing.assert_array_equal(affine, drawn[1])


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut off"])
def test_a_damaged_file_of_maps_is_named(tmp_path, content):
    (tmp_path / "S1_maps.npz").write_bytes(content)
    with pytest.raises(UserError, match="S1_maps.npz is damaged .*: remove the folder of its subject"):
        load_maps(tmp_path / "S1_maps.npz")


def test_a_cut_off_file_of_maps_is_named(drawn, tmp_path):
    save_maps(tmp_path / "S1_maps.npz", *drawn)
    whole = (tmp_path / "S1_maps.npz").read_bytes()
    (tmp_path / "S1_maps.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is damaged"):
        load_maps(tmp_path / "S1_maps.npz")


def test_an_interrupted_save_leaves_no_file_and_keeps_the_old_one(drawn, tmp_path, monkeypatch):
    def stop(file, **arrays):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    target = tmp_path / "subject.npz"
    target.write_bytes(b"old")
    monkeypatch.setattr(np, "savez_compressed", stop)
    with pytest.raises(KeyboardInterrupt):
        save_maps(target, *drawn)
    assert [p.name for p in tmp_path.iterdir()] == ["subject.npz"] and target.read_bytes() == b"old"

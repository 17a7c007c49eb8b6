# SPDX-License-Identifier: Apache-2.0
"""Label maps go back to the grid of each original scan, at the right place; nothing of the user's is overwritten."""

import json

import nibabel as nib
import numpy as np
import pytest
from conftest import save
from scripts.common.errors import ScanError, UserError
from scripts.preprocess.back import main, take_back

SHAPE = (6, 6, 6)
# The FLAIR has slices of 2 mm, and lies 1 mm further along the first axis than the ready scans.
FLAIR = {"grid": {"shape": [6, 6, 3], "affine": np.diag([1.0, 1, 2, 1]).tolist()}}
SHIFT = np.eye(4)
SHIFT[0, 3] = 1


def seg(out, name):
    image = nib.load(out / f"P1/P1_{name}_seg.nii.gz")
    return np.asarray(image.dataobj), image.affine


@pytest.fixture
def folders(tmp_path):
    """segmentations, ready, out."""
    same = {"shape": list(SHAPE), "affine": np.eye(4).tolist()}
    sequences = {
        "t1": {"grid": same, "ready_to_scan": np.eye(4).tolist()},
        "flair": FLAIR | {"ready_to_scan": SHIFT.tolist()},
    }
    record = {"subject": "P1", "made_of": "x", "reference": "t1", "grid": same, "sequences": sequences}
    (tmp_path / "ready/P1").mkdir(parents=True)
    (tmp_path / "ready/P1/P1_preprocess.json").write_text(json.dumps(record))
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:4, 2:4, 2:5] = 2
    labels[2, 2, 2] = 4
    save(labels, tmp_path / "segmentations/P1/P1_seg.nii.gz", np.eye(4))
    return [tmp_path / name for name in ("segmentations", "ready", "out")]


def test_each_scan_gets_the_label_map_in_its_own_grid(folders, capsys):
    main([str(folder) for folder in folders])
    labels, affine = seg(folders[2], "t1")
    assert np.array_equal(labels, np.asarray(nib.load(folders[0] / "P1/P1_seg.nii.gz").dataobj))
    assert np.array_equal(affine, np.eye(4))
    flair, affine = seg(folders[2], "flair")
    assert flair.shape == (6, 6, 3) and np.array_equal(affine, np.diag([1, 1, 2, 1]))
    # slices 1 and 2 are at 2 and 4 mm; one voxel further along the first axis
    assert np.argwhere(flair).tolist() == [[x, y, z] for x in (3, 4) for y in (2, 3) for z in (1, 2)]
    assert flair[3, 2, 1] == 4
    assert "P1: P1_t1_seg.nii.gz, P1_flair_seg.nii.gz\n1 subjects are in" in capsys.readouterr().out


def test_values_that_a_slope_leaves_almost_whole_are_labels(folders):
    path = folders[0] / "P1/P1_seg.nii.gz"
    labels = np.asarray(nib.load(path).dataobj)
    save(labels * np.float32(0.99999), path, np.eye(4))
    take_back("P1", path, *folders[1:])
    assert np.array_equal(seg(folders[2], "t1")[0], labels)


def test_a_second_run_writes_nothing_and_a_new_label_map_replaces_the_old(folders):
    segmentations, ready, out = folders
    label_map = segmentations / "P1/P1_seg.nii.gz"
    first = take_back("P1", label_map, ready, out)
    times = [path.stat().st_mtime_ns for path in first]
    assert [path.stat().st_mtime_ns for path in take_back("P1", label_map, ready, out)] == times
    save(np.ones(SHAPE, np.uint8), label_map, np.eye(4))
    take_back("P1", label_map, ready, out)
    assert (seg(out, "t1")[0] == 1).all()


def test_a_subject_that_was_made_ready_anew_gets_new_label_maps(folders):
    segmentations, ready, out = folders
    label_map, path = segmentations / "P1/P1_seg.nii.gz", ready / "P1/P1_preprocess.json"
    take_back("P1", label_map, ready, out)
    record = json.loads(path.read_text())
    record["sequences"]["flair"] = record["sequences"]["t1"]  # another scan, in the grid of the T1
    path.write_text(json.dumps(record))
    take_back("P1", label_map, ready, out)
    assert np.array_equal(seg(out, "flair")[0], seg(out, "t1")[0])


def test_a_file_that_was_changed_or_is_not_ours_stays(folders):
    segmentations, ready, out = folders
    label_map = segmentations / "P1/P1_seg.nii.gz"
    path = save(np.full(SHAPE, 3, np.uint8), out / "P1/P1_t1_seg.nii.gz", np.eye(4))
    for _ in range(2):
        with pytest.raises(ScanError, match="P1_t1_seg.nii.gz was not made by this command, or was changed since"):
            take_back("P1", label_map, ready, out)
        assert (seg(out, "t1")[0] == 3).all()
        path.unlink()
        take_back("P1", label_map, ready, out)
        save(np.full(SHAPE, 3, np.uint8), path, np.eye(4))


def test_a_kill_before_the_file_is_moved_leaves_a_state_that_goes_on(folders, monkeypatch):
    segmentations, ready, out = folders
    label_map = segmentations / "P1/P1_seg.nii.gz"
    take_back("P1", label_map, ready, out)
    save(np.ones(SHAPE, np.uint8), label_map, np.eye(4))

    def killed(source, target):
        if str(target).endswith("seg.nii.gz"):
            raise KeyboardInterrupt
        replace(source, target)

    replace = __import__("os").replace
    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        take_back("P1", label_map, ready, out)
    monkeypatch.undo()
    take_back("P1", label_map, ready, out)
    assert (seg(out, "t1")[0] == 1).all() and (seg(out, "flair")[0] == 1).any()


@pytest.mark.parametrize(
    "labels, affine, message",
    [
        (np.ones((5, 6, 6)), np.eye(4), "is not in the grid of the ready scans"),
        (np.ones(SHAPE), SHIFT, "is not in the grid of the ready scans"),
        (np.full(SHAPE, 0.5), np.eye(4), "holds 0.5, which is no label"),
        (np.full(SHAPE, 256), np.eye(4), "holds values outside of 0 to 255, so it is no label map"),
    ],
)
def test_a_file_that_is_no_label_map_of_the_ready_scans_is_refused(folders, labels, affine, message):
    path = save(labels.astype(np.float32), folders[0] / "P1/P1_seg.nii.gz", affine)
    with pytest.raises(ScanError, match=message):
        take_back("P1", path, *folders[1:])


def test_folders_without_subjects_are_refused_and_a_failing_subject_is_counted(folders, tmp_path, capsys):
    with pytest.raises(UserError, match="has no subject that python -m scripts.preprocess has made ready"):
        main([str(folders[0]), str(tmp_path), str(folders[2])])
    with pytest.raises(UserError, match="has no label map of the subjects"):
        main([str(tmp_path), *map(str, folders[1:])])
    save(np.ones((5, 6, 6), np.uint8), folders[0] / "P1/P1_seg.nii.gz", np.eye(4))
    with pytest.raises(SystemExit):
        main([str(folder) for folder in folders])
    assert "Error: P1: " in capsys.readouterr().out

# SPDX-License-Identifier: Apache-2.0
"""Files on disk: geometry, names, order of writing, and what a kill or an error leaves."""

import errno
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.label_map_state import label_map_path, record_path, sha256_of
from scripts.inference.existing import pending_subjects, refuse_overwrite
from scripts.inference.save_segmentation import SaveImageAndRecordd

RECORD = {"subject": "S1", "volumes_ml": {}, "networks": []}
AFFINE = torch.tensor([[0.0, -1, 0, 7], [1, 0, 0, -3], [0, 0, 2, 5], [0, 0, 0, 1]])


def _data():
    probabilities = torch.zeros(3, 5, 1, 1)
    probabilities[1, 1:4] = 0.9
    label_map = torch.tensor([0, 2, 1, 4, 0], dtype=torch.uint8)[:, None, None]
    return {
        "pred": MetaTensor(probabilities, affine=AFFINE),
        "label_map": MetaTensor(label_map, affine=AFFINE),
        "record": RECORD,
        "subject": "S1",
    }


def test_label_map_has_the_scans_geometry_and_its_record_beside_it(tmp_path):
    saved = SaveImageAndRecordd(tmp_path)(_data())["saved"]
    assert saved == str(tmp_path / "S1" / "S1_seg.nii.gz")
    image = nib.load(saved)
    assert np.asarray(image.dataobj).ravel().tolist() == [0, 2, 1, 4, 0]
    assert image.get_data_dtype() == np.uint8 and np.allclose(image.affine, AFFINE)
    assert RECORD.items() <= json.loads((tmp_path / "S1" / "S1_seg.json").read_text()).items()


def test_probabilities_are_written_on_request_only(tmp_path):
    SaveImageAndRecordd(tmp_path / "without")(_data())
    SaveImageAndRecordd(tmp_path / "with", probabilities=True)(_data())
    assert {f.name for f in (tmp_path / "without" / "S1").iterdir()} == {"S1_seg.nii.gz", "S1_seg.json"}
    image = nib.load(tmp_path / "with" / "S1" / "S1_probabilities.nii.gz")
    assert image.shape == (5, 1, 1, 3) and image.get_fdata()[1, 0, 0].tolist() == pytest.approx([0, 0.9, 0])


def _change(data):
    """The data of a second run with another result."""
    data["label_map"] = 0 * data["label_map"]
    data["pred"] = data["pred"] / 2
    data["record"] = data["record"] | {"flags": ["new"]}
    return data


def _pair(folder):
    path = label_map_path(folder, "S1")
    return path.read_bytes(), record_path(path).read_text()


def test_the_record_holds_the_hashes_of_its_label_map_and_of_the_one_before(tmp_path):
    path = label_map_path(tmp_path, "S1")
    SaveImageAndRecordd(tmp_path)(_data())
    first = json.loads(record_path(path).read_text())
    assert first["label_map_sha256"] == sha256_of(path) and first["replaced_sha256"] is None
    SaveImageAndRecordd(tmp_path)(_change(_data()))
    second = json.loads(record_path(path).read_text())
    assert second["label_map_sha256"] == sha256_of(path) != first["label_map_sha256"]
    assert second["replaced_sha256"] == first["label_map_sha256"]


@pytest.mark.parametrize("killed_at", ["S1_probabilities.nii.gz", "S1_seg.json", "S1_seg.nii.gz"])
@pytest.mark.parametrize("probabilities", [False, True])
def test_a_kill_at_any_moment_leaves_the_old_pair_or_a_subject_that_is_pending(
    killed_at, probabilities, tmp_path, monkeypatch
):
    SaveImageAndRecordd(tmp_path, probabilities=True)(_data())
    old = _pair(tmp_path)
    replace = os.replace

    def kill(source, target):
        if Path(target).name == killed_at:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", kill)
        with pytest.raises(KeyboardInterrupt):
            SaveImageAndRecordd(tmp_path, probabilities=True)(_change(_data()))
    items = [{"subject": "S1"}]
    pending = pending_subjects(items, tmp_path, "skip", probabilities)
    assert (pending == []) == (_pair(tmp_path) == old) == (killed_at == "S1_seg.json")
    assert _pair(tmp_path)[0] == old[0]  # the old label map is never lost
    refuse_overwrite(items, tmp_path, "overwrite", {}, [], probabilities)
    SaveImageAndRecordd(tmp_path, probabilities=probabilities)(_change(_data()))
    assert pending_subjects(items, tmp_path, "skip", probabilities) == []
    assert (tmp_path / "S1" / "S1_probabilities.nii.gz").exists() == probabilities


@pytest.mark.parametrize("full_at", ["S1_seg.json", "S1_seg.nii.gz"])
def test_a_full_disk_leaves_the_old_pair(full_at, tmp_path, monkeypatch):
    SaveImageAndRecordd(tmp_path)(_data())
    old = _pair(tmp_path)

    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if full_at == "S1_seg.json":
        monkeypatch.setattr(Path, "write_text", full)
    else:
        monkeypatch.setattr(nib, "save", full)
    with pytest.raises(UserError, match=rf"{full_at} cannot be written \(No space left on device\)"):
        SaveImageAndRecordd(tmp_path)(_change(_data()))
    assert _pair(tmp_path) == old and len(list((tmp_path / "S1").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_a_problem_of_its_subject_alone(tmp_path, monkeypatch):
    (tmp_path / "S1").write_text("a file")
    with pytest.raises(ScanError, match="S1 is not a folder, but the results belong there: move it away"):
        SaveImageAndRecordd(tmp_path)(_data())
    (tmp_path / "S1").unlink()
    (tmp_path / "S1").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _: Path(path).name != "S1")
        with pytest.raises(ScanError, match="S1 may not be written"):
            SaveImageAndRecordd(tmp_path)(_data())
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot be written") as caught:  # nor can any other subject's
        SaveImageAndRecordd(tmp_path / "out")(_data())
    assert not isinstance(caught.value, ScanError)


def test_a_label_map_that_was_changed_since_is_never_overwritten(tmp_path):
    items = [{"subject": "S1"}]
    SaveImageAndRecordd(tmp_path)(_data())
    path = label_map_path(tmp_path, "S1")
    path.write_bytes(b"drawn by hand")
    with pytest.raises(UserError, match="S1_seg.nii.gz was changed after inference, .*: move it away, or choose"):
        refuse_overwrite(items, tmp_path, "overwrite", {}, [])
    with pytest.raises(ScanError, match="S1_seg.nii.gz was changed after inference"):
        SaveImageAndRecordd(tmp_path)(_data())
    assert path.read_bytes() == b"drawn by hand"
    refuse_overwrite(items, tmp_path, "skip", {}, [])
    assert pending_subjects(items, tmp_path, "skip") == []


def test_probabilities_of_an_earlier_label_map_are_removed(tmp_path):
    path = tmp_path / "S1" / "S1_probabilities.nii.gz"
    SaveImageAndRecordd(tmp_path, probabilities=True)(_data())
    record = json.loads((tmp_path / "S1" / "S1_seg.json").read_text())
    assert record["probabilities_sha256"] == sha256_of(path) and record["replaced_probabilities_sha256"] is None
    SaveImageAndRecordd(tmp_path)(_change(_data()))
    again = json.loads((tmp_path / "S1" / "S1_seg.json").read_text())
    assert not path.exists() and again["probabilities_sha256"] is None
    assert again["replaced_probabilities_sha256"] == record["probabilities_sha256"]

# SPDX-License-Identifier: Apache-2.0
"""Which existing files are skipped, replaced or protected."""

import json
import os
from pathlib import Path

import nibabel as nib
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.label_map_state import label_map_path
from scripts.data.item_files import scan_hashes
from scripts.inference.existing import check_overwrite, pending_subjects, refuse_overwrite
from scripts.inference.save_segmentation import save_segmentation
from scripts.inference.segmentation_record import network_facts

RECORD = {"subject": "S1", "volumes_ml": {}, "networks": []}


def _save(folder, probabilities=False):
    """Save a label map as inference does, of one voxel."""
    maps = MetaTensor(torch.zeros(3, 1, 1, 1)) if probabilities else None
    save_segmentation(label_map_path(folder, "S1"), MetaTensor(torch.zeros(1, 1, 1)), RECORD, maps)


def _existing(folder, record=RECORD, subject="S1"):
    """An existing label map with this record (None for no file; text as it is)."""
    path = label_map_path(folder, subject)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    if record is not None:
        path.with_name(f"{subject}_seg.json").write_text(record if isinstance(record, str) else json.dumps(record))
    return path


def test_subjects_with_a_label_map_are_left_out_only_with_skip(tmp_path):
    items = [{"subject": "S1"}, {"subject": "S2"}]
    path = _existing(tmp_path)
    assert pending_subjects(items, tmp_path, "skip") == [{"subject": "S2"}]
    assert pending_subjects(items, tmp_path, "overwrite") == items
    path.unlink()  # a run that was killed before the label map leaves the record alone
    assert pending_subjects(items, tmp_path, "skip") == items
    with pytest.raises(UserError, match="existing is 'keep', but must be one of overwrite, skip"):
        pending_subjects(items, tmp_path, "keep")


def test_listing_pending_subjects_never_refuses(tmp_path):
    _existing(tmp_path, record=None)
    items = [{"subject": "S1"}, {"subject": "S2"}]
    assert pending_subjects(items, tmp_path, "overwrite") == items
    assert pending_subjects(items, tmp_path, "skip") == items[1:]


def _skip(folder, settings, weight_files=(), item=None):
    refuse_overwrite([item or {"subject": "S1"}, {"subject": "S2"}], folder, "skip", settings, weight_files)


def test_label_maps_of_other_settings_are_not_skipped_silently(tmp_path):
    _existing(tmp_path, RECORD | {"settings": {"label_convention": "brats", "amp": True}})
    _skip(tmp_path, {"label_convention": "brats", "test_time_mirroring": False})
    with pytest.raises(
        UserError, match="S1_seg.nii.gz was made with label_convention 'brats', but this run has 'brats2023': choose"
    ):
        _skip(tmp_path, {"label_convention": "brats2023"})


def test_records_of_earlier_versions_are_compared_under_the_names_of_today(tmp_path):
    _existing(tmp_path, RECORD | {"settings": {"mirror": False, "numbering": "brats", "spacing": 2.0}})
    same = {"test_time_mirroring": False, "label_convention": "brats", "spacing": 2.0}
    _skip(tmp_path, same)
    with pytest.raises(UserError, match="made with test_time_mirroring False, but this run has True"):
        _skip(tmp_path, same | {"test_time_mirroring": True})
    with pytest.raises(UserError, match="set --label_convention brats, or replace"):
        _skip(tmp_path, same | {"label_convention": "brats2023"})


def test_label_maps_of_other_weights_are_not_skipped_silently(tmp_path):
    old, new, moved = (tmp_path / name for name in ("old.pt", "new.pt", "moved.pt"))
    old.write_bytes(b"old weights")
    new.write_bytes(b"new weights")
    moved.write_bytes(b"old weights")  # the content counts, not the path
    _existing(tmp_path, RECORD | {"networks": [network_facts(str(old))]})
    for file in (old, moved, tmp_path / "missing.pt"):  # a missing file is told when it is loaded
        _skip(tmp_path, {}, [str(file)])
    for item, weight_files in (({"subject": "S1"}, [str(new)]), ({"subject": "S1", "network": str(new)}, None)):
        with pytest.raises(UserError, match="made with .*old.pt, but this run uses .*new.pt.* --existing overwrite"):
            _skip(tmp_path, {}, weight_files, item)


def test_the_label_map_of_an_ensemble_is_not_skipped_by_one_of_its_networks(tmp_path):
    files = [tmp_path / "teacher.pt", tmp_path / "model.pt"]
    for file in files:
        file.write_bytes(file.name.encode())
    _existing(tmp_path, RECORD | {"networks": [network_facts(str(file)) for file in files]})
    _skip(tmp_path, {}, [str(file) for file in reversed(files)])
    for file in files:
        with pytest.raises(
            UserError, match=rf"made with .*teacher.pt, .*model.pt, but this run uses {file}, and these"
        ):
            _skip(tmp_path, {}, [str(file)])
    _existing(tmp_path, RECORD | {"networks": [network_facts(str(files[0]))]})
    with pytest.raises(
        UserError, match=r"made with .*teacher.pt, but this run uses .*teacher.pt, .*model.pt, and these"
    ):
        _skip(tmp_path, {}, [str(file) for file in files])


def test_an_image_is_compared_with_its_own_network_and_not_with_the_runs(tmp_path):
    own, of_the_run = tmp_path / "model_flair.pt", tmp_path / "model.pt"
    own.write_bytes(b"flair")
    of_the_run.write_bytes(b"t1ce and flair")
    _existing(tmp_path, RECORD | {"networks": [network_facts(str(own))]})
    _skip(tmp_path, {}, [str(of_the_run)], {"subject": "S1", "network": str(own)})
    with pytest.raises(UserError, match="made with .*model_flair.pt, but this run uses .*model.pt"):
        _skip(tmp_path, {}, [str(of_the_run)])


def _foreign_probabilities(folder) -> Path:
    path = Path(folder) / "S1" / "S1_probabilities.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"of another program")
    return path


@pytest.mark.parametrize("existing", ["overwrite", "skip"])
@pytest.mark.parametrize("segmented_before", [False, True])
def test_probabilities_that_inference_did_not_make_are_not_overwritten(tmp_path, existing, segmented_before):
    if segmented_before:
        _save(tmp_path)
    path, items = _foreign_probabilities(tmp_path), [{"subject": "S1"}]
    with pytest.raises(UserError, match="S1_probabilities.nii.gz exists and was not made by inference"):
        refuse_overwrite(items, tmp_path, existing, {}, [], True)
    with pytest.raises(ScanError, match="S1_probabilities.nii.gz exists and was not made by inference"):
        _save(tmp_path, True)
    refuse_overwrite(items, tmp_path, existing, {}, [], False)  # nothing of this name is written
    _save(tmp_path)
    assert path.read_bytes() == b"of another program"


def test_probabilities_beside_a_record_of_an_earlier_version_are_taken_for_its_own(tmp_path):
    _existing(tmp_path)
    path = _foreign_probabilities(tmp_path)
    assert pending_subjects([{"subject": "S1"}], tmp_path, "skip", True) == []
    refuse_overwrite([{"subject": "S1"}], tmp_path, "overwrite", {}, [], True)
    _save(tmp_path, True)
    assert nib.load(path).shape == (1, 1, 1, 3)


def test_a_subject_without_the_probabilities_that_are_asked_for_is_not_done(tmp_path, caplog):
    items = [{"subject": "S1"}]
    _save(tmp_path)
    assert pending_subjects(items, tmp_path, "skip") == []
    assert pending_subjects(items, tmp_path, "skip", True) == items
    label_map_path(tmp_path, "S1").write_bytes(b"drawn by hand")
    assert not caplog.text and pending_subjects(items, tmp_path, "skip", True) == []
    assert "The label maps of S1 were changed after inference and are kept, so they get no probabilities" in caplog.text


@pytest.mark.parametrize("record", [None, "{}", '{"Manufacturer": "of a BIDS sidecar"}', "{damaged"])
@pytest.mark.parametrize("existing", ["overwrite", "skip"])
def test_files_that_inference_did_not_make_are_neither_overwritten_nor_taken_for_its_own(tmp_path, record, existing):
    items = [{"subject": "S0"}, {"subject": "S1"}]
    experts = _existing(tmp_path, record)
    with pytest.raises(UserError, match="S1_seg.nii.gz exists and was not made by inference"):
        refuse_overwrite(items, tmp_path, existing, {}, [])
    experts.unlink()
    if record is not None:
        with pytest.raises(UserError, match="S1_seg.json exists and was not made by inference"):
            refuse_overwrite(items, tmp_path, existing, {}, [])


def test_own_label_maps_may_be_overwritten(tmp_path):
    path = _existing(tmp_path)
    check_overwrite(path)
    check_overwrite(tmp_path / "new_seg.nii.gz")
    refuse_overwrite([{"subject": "S1"}], tmp_path, "overwrite", {"spacing": 1.0}, [])


def test_a_table_of_somebody_else_is_not_replaced(tmp_path):
    (tmp_path / "segmentations.csv").write_text("my,own\n1,2\n")
    with pytest.raises(UserError, match="segmentations.csv is not the table of an inference: move it away"):
        refuse_overwrite([], tmp_path, "overwrite", {}, [])
    assert (tmp_path / "segmentations.csv").read_text() == "my,own\n1,2\n"


def test_a_record_that_another_ending_of_the_label_map_needs_is_not_replaced(tmp_path):
    (tmp_path / "a_seg.nii").touch()
    (tmp_path / "a_seg.json").write_text(json.dumps(RECORD))
    with pytest.raises(
        UserError, match="a_seg.nii has the record a_seg.json, which that of a_seg.nii.gz would replace"
    ):
        check_overwrite(tmp_path / "a_seg.nii.gz")
    check_overwrite(tmp_path / "a_seg.nii")


def test_scans_that_are_newer_than_a_label_map_that_is_kept_are_told(tmp_path, caplog):
    _save(tmp_path)
    scan = tmp_path / "S1_t1.nii.gz"
    scan.touch()
    item = {"subject": "S1", "t1": str(scan)}
    os.utime(scan, (0, 1))
    assert pending_subjects([item], tmp_path, "skip") == [] and not caplog.text
    os.utime(scan, (0, os.path.getmtime(label_map_path(tmp_path, "S1")) + 10))
    assert pending_subjects([item], tmp_path, "skip") == [] and "The scans of S1 are newer than" in caplog.text


def test_a_label_map_of_other_scans_is_not_skipped_as_this_subjects(tmp_path, caplog):
    scan = tmp_path / "S1_t1.nii.gz"
    scan.write_bytes(b"scan")
    item = {"subject": "S1", "t1": str(scan)}
    _existing(tmp_path, RECORD | {"scans_sha256": scan_hashes(item, ["t1"])})
    os.utime(scan, (0, os.path.getmtime(label_map_path(tmp_path, "S1")) + 10))  # copied anew
    assert pending_subjects([item], tmp_path, "skip") == [] and not caplog.text
    _skip(tmp_path, {}, item=item)
    scan.write_bytes(b"of another patient")
    with pytest.raises(UserError, match="S1_seg.nii.gz is of another t1 scan than .*S1_t1.nii.gz"):
        _skip(tmp_path, {}, item=item)


def test_the_log_tells_of_a_label_map_of_other_scans_that_is_replaced(tmp_path, caplog):
    scan = tmp_path / "S1_t1.nii.gz"
    scan.write_bytes(b"scan")
    item = {"subject": "S1", "t1": str(scan)}
    refuse_overwrite([item], tmp_path, "overwrite", {}, [])
    _existing(tmp_path, RECORD | {"scans_sha256": scan_hashes(item, ["t1"])})
    refuse_overwrite([item], tmp_path, "overwrite", {}, [])
    assert not caplog.text
    scan.write_bytes(b"of another patient")
    refuse_overwrite([item], tmp_path, "overwrite", {}, [])
    assert f"S1_seg.nii.gz in {tmp_path} will be replaced, though made of other scans" in caplog.text

"""Files on disk: the scan's geometry, the name by subject, the order in which they are written."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from scripts.common.errors import UserError
from scripts.inference.save_segmentation import SaveSegmentationd, label_map_path, pending_subjects
from scripts.inference.segmentation_record import network_facts

RECORD = {"subject": "S1", "volumes_ml": {}, "networks": []}
AFFINE = torch.tensor([[0.0, -1, 0, 7], [1, 0, 0, -3], [0, 0, 2, 5], [0, 0, 0, 1]])


def _data():
    probabilities = torch.zeros(3, 5, 1, 1)
    probabilities[1, 1:4] = 0.9
    label_map = torch.tensor([0, 2, 1, 4, 0], dtype=torch.uint8)[:, None, None]
    return {
        "pred": MetaTensor(probabilities, affine=AFFINE),
        "label_map": MetaTensor(label_map, affine=AFFINE),
        "record": {"subject": "S1", "flags": []},
        "subject": "S1",
    }


def test_label_map_has_the_scans_geometry_and_its_record_beside_it(tmp_path):
    saved = SaveSegmentationd(tmp_path)(_data())["saved"]
    assert saved == str(tmp_path / "S1" / "S1_seg.nii.gz")
    image = nib.load(saved)
    assert np.asarray(image.dataobj).ravel().tolist() == [0, 2, 1, 4, 0]
    assert image.get_data_dtype() == np.uint8 and np.allclose(image.affine, AFFINE)
    assert json.loads((tmp_path / "S1" / "S1_seg.json").read_text()) == {"subject": "S1", "flags": []}


def test_probabilities_are_written_on_request_only(tmp_path):
    SaveSegmentationd(tmp_path / "without")(_data())
    SaveSegmentationd(tmp_path / "with", probabilities=True)(_data())
    assert {f.name for f in (tmp_path / "without" / "S1").iterdir()} == {"S1_seg.nii.gz", "S1_seg.json"}
    image = nib.load(tmp_path / "with" / "S1" / "S1_probabilities.nii.gz")
    assert image.shape == (5, 1, 1, 3) and image.get_fdata()[1, 0, 0].tolist() == pytest.approx([0, 0.9, 0])


def test_label_map_is_written_last_so_that_it_vouches_for_the_rest(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(
        "scripts.inference.save_segmentation.save_atomically", lambda path, write: order.append(path.name)
    )
    SaveSegmentationd(tmp_path, probabilities=True)(_data())
    assert order == ["S1_seg.json", "S1_probabilities.nii.gz", "S1_seg.nii.gz"]


def test_subjects_with_a_label_map_are_left_out_only_if_they_shall_be_skipped(tmp_path):
    items = [{"subject": "S1"}, {"subject": "S2"}]
    path = label_map_path(tmp_path, "S1")
    path.parent.mkdir()
    path.with_name("S1_seg.json").write_text("{}")  # what a run that was killed before the label map leaves
    assert pending_subjects(items, tmp_path, "skip") == items
    path.touch()
    assert pending_subjects(items, tmp_path, "skip") == [{"subject": "S2"}]
    path.with_name("S1_seg.json").write_text(json.dumps(RECORD))
    assert pending_subjects(items, tmp_path, "overwrite") == items
    with pytest.raises(UserError, match="existing is 'keep', but must be one of overwrite, skip"):
        pending_subjects(items, tmp_path, "keep")


def test_label_maps_of_other_settings_are_not_skipped_silently(tmp_path):
    path = label_map_path(tmp_path, "S1")
    path.parent.mkdir()
    path.touch()
    record = path.with_name("S1_seg.json")
    record.write_text(json.dumps(RECORD | {"settings": {"label_convention": "brats", "amp": True}}))
    assert pending_subjects([{"subject": "S1"}], tmp_path, "skip", {"label_convention": "brats", "mirror": False}) == []
    with pytest.raises(UserError, match="S1_seg.nii.gz was made with numbering 'brats', now it is 'brats2023': choose"):
        pending_subjects([{"subject": "S1"}], tmp_path, "skip", {"label_convention": "brats2023"})
    # what the processor is able to do is no reason to begin anew
    assert pending_subjects([{"subject": "S1"}], tmp_path, "skip", {"label_convention": "brats"}) == []
    record.unlink()  # a label map from elsewhere says nothing
    assert pending_subjects([{"subject": "S1"}], tmp_path, "skip", {"label_convention": "brats2023"}) == []


def test_label_maps_of_other_networks_are_not_skipped_silently(tmp_path):
    path = label_map_path(tmp_path, "S1")
    path.parent.mkdir()
    path.touch()
    old, new = tmp_path / "old.pt", tmp_path / "new.pt"
    old.write_bytes(b"old weights")
    new.write_bytes(b"new weights")
    path.with_name("S1_seg.json").write_text(json.dumps(RECORD | {"networks": [network_facts(str(old))]}))
    asked = [{"subject": "S1"}, {"subject": "S2"}]
    assert pending_subjects(asked, tmp_path, "skip", networks=[str(old)]) == [{"subject": "S2"}]
    moved = tmp_path / "moved.pt"
    moved.write_bytes(b"old weights")  # the weights count, not where they lie
    assert pending_subjects(asked, tmp_path, "skip", networks=[str(moved)]) == [{"subject": "S2"}]
    for item, networks in (({"subject": "S1"}, [str(new)]), ({"subject": "S1", "network": str(new)}, None)):
        with pytest.raises(UserError, match="was made by .*old.pt, now it would be by .*new.pt.* --existing overwrite"):
            pending_subjects([item], tmp_path, "skip", networks=networks)


@pytest.mark.parametrize("beside", [None, "{}", '{"Manufacturer": "of a BIDS sidecar"}', "{damaged"])
def test_what_inference_has_not_made_is_not_overwritten(tmp_path, beside):
    experts = label_map_path(tmp_path, "S1")
    experts.parent.mkdir()
    experts.touch()
    if beside is not None:
        experts.with_name("S1_seg.json").write_text(beside)
    with pytest.raises(UserError, match="S1_seg.nii.gz is there and was not made by inference"):
        pending_subjects([{"subject": "S1"}], tmp_path)
    experts.unlink()
    if beside is not None:
        with pytest.raises(UserError, match="S1_seg.json is there and was not made by inference"):
            pending_subjects([{"subject": "S1"}], tmp_path)

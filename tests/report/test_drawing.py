# SPDX-License-Identifier: Apache-2.0
"""The part of one subject from its label map and scans on disk."""

import json

import nibabel as nib
import numpy as np
import pytest
from scripts.data.item_files import scan_hashes
from scripts.report.drawing import draw_subject
from scripts.report.parts import part_path

from tests.report.helpers import (
    AFFINE,
    change_label_map,
    parts_of,
    save_label_map,
    save_label_map_with_record,
    save_scans,
)


@pytest.mark.parametrize("enhancing", [3, 4])
def test_a_label_map_gives_volumes_and_a_picture_with_sequences_and_network_of_its_record(tmp_path, enhancing):
    save_label_map_with_record(tmp_path / "out", "S1")
    save_label_map(tmp_path / "out", "S1", enhancing)
    draw_subject(tmp_path / "out", save_scans(tmp_path / "scans", "S1"))
    record = parts_of(tmp_path / "out")["S1"]
    assert record["volumes_ml"] == pytest.approx({"tc": 0.3, "wt": 1.3, "et": 0.1})
    assert record["sequences"] == ["t1ce", "flair"] and record["network"] == "model.pt"
    part = part_path(tmp_path / "out" / "report", "S1").read_text()
    assert part.count("<h4>") == 2 and 'class="et"' in part


def test_without_readable_scans_only_the_picture_is_missing(tmp_path):
    save_label_map(tmp_path / "out", "S1")
    item = save_scans(tmp_path / "scans", "S1") | {"flair": str(tmp_path / "moved.nii.gz")}
    draw_subject(tmp_path / "out", item)
    record = parts_of(tmp_path / "out")["S1"]
    assert record["volumes_ml"]["et"] == pytest.approx(0.1) and "moved.nii.gz does not exist" in record["note"]


def test_a_flipped_label_map_gives_the_same_picture_and_a_shifted_one_none(tmp_path):
    item = save_scans(tmp_path / "scans", "S1", ("flair",))
    save_label_map(tmp_path, "S1")
    path, parts = tmp_path / "S1" / "S1_seg.nii.gz", []
    image = nib.load(path)
    for turned in (image, image.as_reoriented(np.array([[0, -1], [1, -1], [2, 1]]))):
        nib.save(turned, path)
        draw_subject(tmp_path, item)
        parts.append(part_path(tmp_path / "report", "S1").read_text().partition("\n")[2])
    assert parts[0] == parts[1] and "<path" in parts[0]
    affine = AFFINE.copy()
    affine[1, 3] += 1
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    draw_subject(tmp_path, item)
    assert f"{path} is on another grid than the scans" in parts_of(tmp_path)["S1"]["note"]


def test_without_scans_the_earlier_picture_of_the_same_label_map_stays(tmp_path):
    save_label_map(tmp_path, "S1")
    item = save_scans(tmp_path / "scans", "S1", ("flair",))
    draw_subject(tmp_path, item, slices=3)
    before = part_path(tmp_path / "report", "S1").read_text()
    draw_subject(tmp_path, {"subject": "S1", "label_convention": item.get("label_convention")}, slices=5)
    assert part_path(tmp_path / "report", "S1").read_text() == before and parts_of(tmp_path)["S1"]["slices"] == 3
    change_label_map(tmp_path / "S1" / "S1_seg.nii.gz", lambda label: label * (label != 4))
    draw_subject(tmp_path, {"subject": "S1"}, slices=5)
    assert "No picture" in parts_of(tmp_path)["S1"]["note"]  # it would be that of another label map


def test_outlines_are_not_drawn_on_other_scans_than_those_segmented(tmp_path):
    item = save_scans(tmp_path / "scans", "S1", ("flair",))
    path = save_label_map(tmp_path, "S1")
    record = {"subject": "S1", "flags": [], "volumes_ml": {}, "sequences": ["flair"], "networks": []}
    for hashes, drawn in ((scan_hashes(item, ["flair"]), True), ({"flair": "of another patient"}, False)):
        (tmp_path / "S1" / "S1_seg.json").write_text(json.dumps(record | {"scans_sha256": hashes}))
        part_path(tmp_path / "report", "S1").unlink(missing_ok=True)
        draw_subject(tmp_path, item)
        assert ("is not the scan that was segmented" not in parts_of(tmp_path)["S1"].get("note", "")) == drawn, path

# SPDX-License-Identifier: Apache-2.0
"""Two folders of label maps, compared subject by subject."""

import re

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import ScanError, UserError
from scripts.report.comparison import Comparison
from scripts.report.run_info import write_run

from tests.report.helpers import change_label_map, save_label_map, save_label_map_with_record, save_scans


def _folders(tmp_path, **more) -> list:
    """Two folders with S1; in the second the 100 voxels of core are missing."""
    folders = [tmp_path / "four", tmp_path / "one"]
    save_label_map_with_record(folders[0], "S1", sequences=["t1", "t1ce", "t2", "flair"])
    path = save_label_map_with_record(folders[1], "S1", sequences=["flair"], **more)
    change_label_map(path, lambda label: label * (label != 1))
    return folders


def test_volumes_of_both_and_the_dice_between_them(tmp_path):
    facts, regions, _ = Comparison(_folders(tmp_path)).subject("S1")
    # 500 voxels of oedema, 100 of core and 50 enhancing ones of .002 ml
    assert facts["volumes_ml"][0] == pytest.approx({"wt": 1.3, "tc": 0.3, "et": 0.1})
    assert facts["volumes_ml"][1] == pytest.approx({"wt": 1.1, "tc": 0.1, "et": 0.1})
    assert facts["dice"] == pytest.approx({"wt": 2 * 550 / (650 + 550), "tc": 2 * 50 / (150 + 50), "et": 1})
    assert facts["sequences"] == [["t1", "t1ce", "t2", "flair"], ["flair"]]
    assert [maps.shape[0] for maps in regions] == [3, 3]


def test_the_pictures_stand_beside_each_other_and_say_what_was_not_seen(tmp_path):
    item = save_scans(tmp_path / "scans", "S1")
    html = Comparison(_folders(tmp_path), tmp_path / "scans", slices=2).picture("S1")
    heads = re.findall("<h4>(.*)</h4>", html)
    assert heads[:2] == ["T1ce <span>four</span>", "T1ce <span>one</span> <span>not seen</span>"] and len(heads) == 8
    assert "FLAIR <span>one</span>" in heads and item["flair"]


def test_a_flipped_label_map_is_turned_and_one_on_another_grid_is_refused(tmp_path):
    folders = _folders(tmp_path)
    path = folders[1] / "S1" / "S1_seg.nii.gz"
    image, expected = nib.load(path), Comparison(folders).subject("S1")[0]["dice"]
    nib.save(image.as_reoriented(np.array([[1, -1], [0, 1], [2, 1]])), path)
    assert Comparison(folders).subject("S1")[0]["dice"] == expected
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[1:], image.affine), path)
    with pytest.raises(ScanError, match="S1_seg.nii.gz is on another grid than the first label map"):
        Comparison(folders).subject("S1")


def test_label_maps_of_other_software_are_compared_too(tmp_path):
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    save_label_map_with_record(folders[0], "S1")
    save_label_map(folders[1], "S1")
    facts = Comparison(folders).subject("S1")[0]
    assert facts["dice"] == {"wt": 1, "tc": 1, "et": 1} and facts["sequences"][1] == []


def test_subjects_of_one_folder_alone_are_named(tmp_path):
    folders = _folders(tmp_path)
    save_label_map(folders[0], "A")
    save_label_map(folders[1], "B")
    comparison = Comparison(folders)
    assert comparison.subjects == ["S1"] and comparison.alone == {"four": ["A"], "one": ["B"]}


def test_folders_without_a_common_subject_are_refused(tmp_path):
    folders = [tmp_path / "four", tmp_path / "one"]
    save_label_map(folders[0], "A")
    with pytest.raises(UserError, match="one is not a folder: name one that `inference` wrote to"):
        Comparison(folders)
    save_label_map(folders[1], "B")
    with pytest.raises(UserError, match="No subject has a label map, .*, both in .*four and in .*one"):
        Comparison(folders)


def test_folders_of_one_name_are_told_apart_by_their_paths(tmp_path):
    for run in "ab":
        save_label_map(tmp_path / run / "out", "S1")
    folders = [tmp_path / run / "out" for run in "ab"]
    assert Comparison(folders).names == [str(folder) for folder in folders]


def test_label_maps_of_different_scans_are_not_compared(tmp_path):
    folders = _folders(tmp_path, scans_sha256={"flair": "of P1"})
    save_label_map_with_record(folders[0], "S1", scans_sha256={"flair": "of P2", "t1": "of P2"})
    with pytest.raises(ScanError, match="the two label maps are of different flair scans, perhaps of two patients"):
        Comparison(folders).subject("S1")


def test_other_scans_than_those_that_were_segmented_are_not_drawn(tmp_path):
    save_scans(tmp_path / "scans", "S1")
    folders = _folders(tmp_path, scans_sha256={"flair": "of another scan"})
    with pytest.raises(ScanError, match="S1_flair.nii.gz is not the scan that was segmented"):
        Comparison(folders, tmp_path / "scans").picture("S1")


def test_scans_of_both_runs_are_drawn(tmp_path):
    item, folders = save_scans(tmp_path / "scans", "S1"), _folders(tmp_path)
    write_run(folders[0], "inference", {}, scans={"S1": item})
    write_run(folders[1], "inference", {}, scans={"S1": {"subject": "S1", "flair": item["flair"]}})
    for order in (folders, folders[::-1]):
        assert len(re.findall("<h4>", Comparison(order, slices=2).picture("S1"))) == 8  # four sequences, twice

# SPDX-License-Identifier: Apache-2.0
"""What is known of a scan comes from its header, its name and the JSON file beside it."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import save
from scripts.common.errors import ScanError
from scripts.preprocess.series import Series, finest, read_series, titles


def scan(folder, name="P1_t1ce.nii.gz"):
    return save(np.zeros((4, 5, 6), np.int16), folder / name, np.diag([0.5, 0.5, 5, 1]))


def test_header_and_sidecar_are_read(tmp_path):
    file = scan(tmp_path)
    (tmp_path / "P1_t1ce.json").write_text(json.dumps({"SeriesNumber": 5, "SeriesDescription": "AX T1"}))
    series = read_series("P1", file, converted=False)
    assert (series.shape, series.sizes, series.thickest) == ((4, 5, 6), (0.5, 0.5, 5.0), 5.0)
    assert (series.named, series.description, series.title) == ("t1ce", "AX T1", "series 5 (AX T1)")


def test_a_name_that_dcm2niix_gave_is_only_a_description(tmp_path):
    series = read_series("P1", scan(tmp_path, "5_AX_T1.nii.gz"), converted=True)
    assert (series.named, series.description, series.title) == (None, "5_AX_T1", "5_AX_T1.nii.gz")


@pytest.mark.parametrize(
    "name, sequence",
    [
        ("GD/GD_t1.nii.gz", "t1"),
        ("patient_c/nifti/patient_c_t1.nii.gz", "t1"),
        ("P1/P1_c_t1.nii.gz", "t1ce"),
        ("P1/t1ce_to_flair.nii.gz", "t1ce"),
    ],
)
def test_the_end_of_the_folders_name_is_no_contrast_agent(tmp_path, name, sequence):
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    assert read_series("P1", scan(file.parent, file.name), converted=False).named == sequence


def test_the_name_that_files_share_has_no_contrast_agent(tmp_path):
    scan(tmp_path, "S_CE_flair.nii.gz")
    assert read_series("P1", scan(tmp_path, "S_CE_t1.nii.gz"), converted=False).named == "t1"


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "cannot be read as JSON"),
        ("[" * 200_000, "cannot be read as JSON .it is nested too deeply."),
        ("[1]", "holds no JSON object"),
    ],
)
def test_a_damaged_sidecar_is_refused(tmp_path, content, message):
    file = scan(tmp_path)
    (tmp_path / "P1_t1ce.json").write_text(content)
    with pytest.raises(ScanError, match=message):
        read_series("P1", file, converted=False)


def test_a_damaged_scan_is_refused(tmp_path):
    (tmp_path / "t1.nii.gz").write_bytes(b"no nifti")
    with pytest.raises(ScanError, match="t1.nii.gz cannot be read as NIfTI"):
        read_series("P1", tmp_path / "t1.nii.gz", converted=False)


def test_voxels_up_to_a_tenth_larger_count_as_equally_fine():
    scans = [Series(Path(f"{size}.nii"), sizes=(0.5, 0.5, size)) for size in (1.2, 1.0, 1.05)]
    assert [scan.thickest for scan in finest(scans)] == [1.0, 1.05]


def test_scans_of_one_number_and_description_are_told_apart_by_their_files():
    facts = {"SeriesNumber": 4, "SeriesDescription": "dual"}
    scans = [Series(Path("e1.nii"), facts), Series(Path("e2.nii"), facts), Series(Path("t1.nii"))]
    assert titles(scans, ", ") == "series 4 (dual) in e1.nii, series 4 (dual) in e2.nii, t1.nii"

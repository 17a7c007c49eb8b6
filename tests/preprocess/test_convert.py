# SPDX-License-Identifier: Apache-2.0
"""DICOM series become NIfTI with what the choice of sequences needs, and nothing that names the person."""

import json

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import ScanError
from scripts.preprocess.convert import convert
from scripts.preprocess.raw_files import raw_files
from scripts.preprocess.sequence_of_series import read_sequence
from scripts.preprocess.series import read_series

from tests.preprocess.dicom import write_series

AFFINE = np.array([[5.0, 0, 0, -60], [0, 5.0, 0, -70], [0, 0, 8.0, -40], [0, 0, 0, 1]])


@pytest.fixture
def volume():
    pytest.importorskip("dcm2niix", reason="dcm2niix is not installed (requirements-preprocess.txt)")
    return np.random.default_rng(0).integers(0, 900, (24, 28, 12)).astype(np.int16)


def test_a_series_keeps_its_voxels_its_place_and_what_it_is(tmp_path, volume):
    write_series(tmp_path / "raw/a", volume, AFFINE, 5, "AX T1", times=(12, 550), agent="Gadovist")
    write_series(tmp_path / "raw/b", volume[::-1], AFFINE, 6, "AX T2 FLAIR", times=(120, 9000, 2500))
    raw = tmp_path / "raw"
    first, second = convert("P1", raw, raw_files(raw).dicom, tmp_path / "out/P1", "hash")
    series = read_series("P1", first, True)
    assert (series.title, read_sequence(series).sequence) == ("series 5 (AX T1)", "t1ce")
    assert read_sequence(read_series("P1", second, True)).sequence == "flair"
    image = nib.as_closest_canonical(nib.load(first))
    assert np.allclose(image.affine, AFFINE, atol=1e-3) and np.array_equal(np.asarray(image.dataobj), volume)
    text = first.with_name("5_AX_T1.json").read_text()
    assert not [word for word in ("Secret", "4711", "1950", "1.2.826") if word in text]
    assert json.loads(text)["EchoTime"] == 0.012 and json.loads(text)["ContrastBolusAgent"] == "Gadovist"


def test_an_earlier_conversion_of_the_same_files_is_taken(tmp_path, volume):
    raw, target = tmp_path / "raw", tmp_path / "out/P1"
    write_series(raw, volume, AFFINE, 5, "AX T1", times=(12, 550))
    (scan,) = convert("P1", raw, raw_files(raw).dicom, target, "hash")
    made = scan.stat().st_mtime_ns
    assert convert("P1", raw, (), target, "hash") == [scan] and scan.stat().st_mtime_ns == made
    write_series(raw / "b", volume, AFFINE, 6, "AX T2", times=(100, 5000))
    assert len(convert("P1", raw, raw_files(raw).dicom, target, "other")) == 2
    assert [path.name for path in target.parent.iterdir()] == ["P1"]


def test_a_series_in_a_linked_folder_is_converted(tmp_path, volume):
    write_series(tmp_path / "archive/a", volume, AFFINE, 5, "AX T1", times=(12, 550))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a").symlink_to(tmp_path / "archive/a")
    dicom = raw_files(tmp_path / "raw").dicom
    (scan,) = convert("P1", tmp_path / "raw", dicom, tmp_path / "out/P1", "hash")
    assert len(dicom) == volume.shape[2] and scan.name == "5_AX_T1.nii.gz"


def test_files_that_are_no_scan_are_refused_and_nothing_is_left(tmp_path, volume):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/IM1.dcm").write_bytes(bytes(128) + b"DICM" + bytes(50))
    with pytest.raises(ScanError, match="P1: dcm2niix converts nothing in .*raw"):
        convert("P1", tmp_path / "raw", raw_files(tmp_path / "raw").dicom, tmp_path / "out/P1", "hash")
    assert list((tmp_path / "out").iterdir()) == []

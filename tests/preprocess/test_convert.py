# SPDX-License-Identifier: Apache-2.0
"""DICOM series become NIfTI with what the choice of sequences needs, and nothing that names the person."""

import json

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import ScanError
from scripts.preprocess.convert import GAPS, convert
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


def cut(file):
    file.write_bytes(file.read_bytes()[:-500])


def test_a_series_with_a_cut_file_is_refused_by_name_although_others_are_converted(tmp_path, volume):
    raw = tmp_path / "raw"
    write_series(raw / "a", volume, AFFINE, 5, "AX T1", times=(12, 550))
    write_series(raw / "b", volume, AFFINE, 6, "AX T2 FLAIR", times=(120, 9000, 2500))
    cut(raw / "b/IM0004")
    with pytest.raises(ScanError) as caught:
        convert("P1", raw, raw_files(raw).dicom, tmp_path / "out/P1", "hash")
    assert str(caught.value) == (
        f"P1: dcm2niix does not convert series 6 (AX T2 FLAIR) with b/IM0001 in {raw} (exit status 8, 'Warning: File "
        f"not large enough to store image data: {raw / 'b/IM0004'}'): export the series again, or take its files away."
    )
    assert list((tmp_path / "out").iterdir()) == []


def without_a_slice(folder, volume, bits):
    """A series of which the sixth slice is missing; dcm2niix fails on 16 bits and goes on with 12."""
    pydicom = pytest.importorskip("pydicom")
    write_series(folder, volume, AFFINE, 6, "AX T2 FLAIR", times=(120, 9000, 2500))
    (folder / "IM0006").unlink()
    for file in folder.iterdir():
        item = pydicom.dcmread(file)
        item.BitsStored, item.HighBit = bits, bits - 1
        item.save_as(file)


def test_a_series_without_a_slice_on_which_dcm2niix_fails_is_refused_by_name(tmp_path, volume):
    without_a_slice(tmp_path / "raw", volume, 16)
    raw = tmp_path / "raw"
    with pytest.raises(ScanError, match=r"convert series 6 \(AX T2 FLAIR\) .*status 1, 'Warning: Missing images\? "):
        convert("P1", raw, raw_files(raw).dicom, tmp_path / "out/P1", "hash")


def test_a_series_without_a_slice_is_marked_and_its_filled_copy_is_not_kept(tmp_path, volume):
    raw = tmp_path / "raw"
    without_a_slice(raw / "b", volume, 12)
    write_series(raw / "a", volume, AFFINE, 5, "AX T1", times=(12, 550))
    scans = convert("P1", raw, raw_files(raw).dicom, tmp_path / "out/P1", "hash")
    assert [scan.name for scan in scans] == ["5_AX_T1.nii.gz", "6_AX_T2_FLAIR.nii.gz"]
    whole, gap = (read_series("P1", scan, True).facts for scan in scans)
    assert gap[GAPS].startswith("Interslice distance varies") and GAPS not in whole


def test_the_hash_of_the_study_tells_patients_apart_who_have_one_study_uid(tmp_path, volume):
    pydicom = pytest.importorskip("pydicom")
    raw = tmp_path / "raw"
    for number in (5, 6, 7):
        write_series(raw / str(number), volume, AFFINE, number, "AX T1", times=(12, 550))
    for file in (raw / "7").iterdir():
        item = pydicom.dcmread(file)
        item.PatientID = "4712"
        item.save_as(file)
    scans = convert("P1", raw, raw_files(raw).dicom, tmp_path / "out/P1", "hash")
    first, same, other = (read_series("P1", scan, True).facts["study"] for scan in scans)
    assert first == same != other

# SPDX-License-Identifier: Apache-2.0
"""A NIfTI file with an impossible header is refused in a sentence; nibabel would repair some of them silently."""

import gzip
import struct
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, save, scan_array
from scripts.common.errors import ScanError
from scripts.data.read_nifti import read_nifti

# Bytes of a NIfTI-1 header: eight int16 of dim, the type, eight float32 of pixdim, the codes of qform and sform.
DIM, DATATYPE, PIXDIM, QFORM_CODE, SFORM_CODE = 40, 70, 76, 252, 254


def changed(path, *changes):
    """The scan on disk with other values of its header, each given as (byte, format, value)."""
    header = bytearray(gzip.decompress(save(scan_array(40), path).read_bytes()))
    for offset, kind, value in changes:
        struct.pack_into(kind, header, offset, value)
    path.write_bytes(gzip.compress(bytes(header)))
    return str(path)


def test_voxels_and_affine_are_those_of_the_file(tmp_path):
    image = read_nifti("S1", "t1", str(save(scan_array(40), tmp_path / "a.nii.gz")))
    assert image[2, 2, 2] == 40 and np.array_equal(image.affine, AFFINE)
    nib.save(nib.Nifti2Image(scan_array(40), AFFINE), tmp_path / "b.nii")
    assert read_nifti("S1", "t1", str(tmp_path / "b.nii"))[2, 2, 2] == 40


@pytest.mark.parametrize("value, shown", [(0.0, "1, 0, 1"), (-1.0, "1, -1, 1"), (float("nan"), "1, nan, 1")])
@pytest.mark.parametrize("with_sform", [True, False])
def test_a_voxel_size_that_is_none_is_refused(tmp_path, value, shown, with_sform):
    codes = [] if with_sform else [(QFORM_CODE, "<h", 0), (SFORM_CODE, "<h", 0)]
    path = changed(tmp_path / "a.nii.gz", (PIXDIM + 8, "<f", value), *codes)
    with pytest.raises(ScanError, match=rf"S1: .*a.nii.gz has the voxel sizes {shown} mm in its header \(pixdim\)"):
        read_nifti("S1", "t1", path)


def test_a_header_that_promises_more_voxels_than_the_file_holds_is_refused_before_memory_is_taken(tmp_path):
    path = changed(tmp_path / "a.nii.gz", *((DIM + 2 * axis, "<h", 32767) for axis in (1, 2, 3)))
    with pytest.raises(ScanError, match="says that it has 32767 x 32767 x 32767 voxels, which the file does not hold"):
        read_nifti("S1", "t1", path)


def test_voxels_that_begin_beyond_the_file_are_refused_before_memory_is_taken(tmp_path):
    path = changed(tmp_path / "a.nii.gz", (108, "<f", 1e12))
    with pytest.raises(ScanError, match="says that it has 6 x 5 x 4 voxels, which the file does not hold"):
        read_nifti("S1", "t1", path)


def test_what_a_further_part_of_a_compressed_file_holds_is_counted_without_being_kept(tmp_path):
    path = tmp_path / "a.nii.gz"
    save(scan_array(40), path)
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(1 << 26)) + gzip.compress(b""))
    tracemalloc.start()
    with pytest.raises(ScanError, match="holds 67108864 bytes more than the 6 x 5 x 4 voxels of its header"):
        read_nifti("S1", "t1", str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_a_file_that_holds_more_than_its_header_says_is_refused(tmp_path, compress):
    content = bytearray(nib.Nifti1Image(np.ones((20, 20, 20), np.int16), AFFINE).to_bytes())
    struct.pack_into("<h", content, DIM + 2, 7)  # 13 of 20 columns of 400 voxels of two bytes are left over
    path = tmp_path / ("a.nii" if compress is bytes else "a.nii.gz")
    path.write_bytes(compress(bytes(content)))
    with pytest.raises(ScanError, match="holds 10400 bytes more than the 7 x 20 x 20 voxels of its header"):
        read_nifti("S1", "t1", str(path))


def test_a_file_that_was_cut_is_called_incomplete(tmp_path):
    path = tmp_path / "a.nii.gz"
    save(np.random.default_rng(0).integers(0, 99, (20, 20, 20), np.int16), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ScanError, match="a.nii.gz cannot be read as NIfTI; it is damaged or incomplete: copy"):
        read_nifti("S1", "t1", str(path))


@pytest.mark.parametrize("place", ["voxels", "checksum", "length"])
def test_one_damaged_bit_of_a_compressed_file_is_seen(tmp_path, place):
    content = nib.Nifti1Image(np.arange(8000, dtype=np.int16).reshape(20, 20, 20), AFFINE).to_bytes()
    compressed = bytearray(
        gzip.compress(content, compresslevel=0)
    )  # stored, so that the damaged stream can be unpacked
    compressed[{"voxels": len(compressed) // 2, "checksum": -8, "length": -2}[place]] ^= 1
    path = tmp_path / "a.nii.gz"
    path.write_bytes(compressed)
    assert nib.load(path).get_fdata().shape == (20, 20, 20)  # nibabel does not see it
    with pytest.raises(ScanError, match="^S1: .*a.nii.gz cannot be read as NIfTI; it is damaged or incomplete: copy"):
        read_nifti("S1", "t1", str(path))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
@pytest.mark.parametrize("slope", [1, 0.5])
def test_voxels_are_those_that_nibabel_reads(tmp_path, name, slope):
    image = nib.Nifti1Image(slope * np.arange(120.0).reshape(6, 5, 4), AFFINE)
    image.set_data_dtype(np.int16)
    image.header.set_slope_inter(slope, 0)
    nib.save(image, tmp_path / name)
    assert np.array_equal(read_nifti("S1", "t1", str(tmp_path / name)), nib.load(tmp_path / name).get_fdata())


@pytest.mark.parametrize("code, kind", [(32, "complex64"), (128, "'R'")])
def test_voxels_that_are_no_numbers_are_refused(tmp_path, code, kind):
    path = changed(tmp_path / "a.nii.gz", (DATATYPE, "<h", code))
    with pytest.raises(ScanError, match=f"a.nii.gz has voxels of the type .*{kind}.*, not one number each"):
        read_nifti("S1", "t1", path)


@pytest.mark.parametrize("text", ["Cannot allocate memory", "DefaultCPUAllocator: not enough memory"])
def test_exhausted_memory_is_not_called_a_damaged_file(tmp_path, monkeypatch, text):
    path = str(save(scan_array(40), tmp_path / "a.nii.gz"))

    def exhausted(*_, **__):
        raise MemoryError(text) if text.startswith("Cannot") else RuntimeError(text)

    monkeypatch.setattr(nib, "load", exhausted)
    with pytest.raises(ScanError, match="S1: there is not enough memory to load .*a.nii.gz"):
        read_nifti("S1", "t1", path)


def test_a_path_that_is_too_long_or_odd_does_not_exist():
    for path in ("x" * 5000, "a\0b"):
        with pytest.raises(ScanError, match="S1: the t1 file .* does not exist: restore it"):
            read_nifti("S1", "t1", path)


def test_a_header_without_any_orientation_is_refused(tmp_path):
    path = changed(tmp_path / "a.nii.gz", (QFORM_CODE, "<h", 0), (SFORM_CODE, "<h", 0))
    with pytest.raises(ScanError, match="has neither a qform nor an sform in its header"):
        read_nifti("S1", "t1", path)
    read_nifti("S1", "t1", changed(tmp_path / "b.nii.gz", (QFORM_CODE, "<h", 1), (SFORM_CODE, "<h", 0)))


def test_voxels_that_begin_within_the_header_are_refused(tmp_path):
    path = changed(tmp_path / "a.nii.gz", (108, "<f", 0.0))  # nibabel refuses other offsets below 352
    with pytest.raises(ScanError, match="says that its voxels begin at byte 0, within the header of 352 bytes"):
        read_nifti("S1", "t1", path)


@pytest.mark.parametrize("codes", [(1, 2), (1, 4), (2, 1)])
def test_two_positions_that_contradict_each_other_are_refused(tmp_path, codes):
    image = nib.Nifti1Image(scan_array(40), AFFINE)
    for shift in (0.9, 30.0):
        moved = AFFINE.copy()
        moved[2, 3] += shift
        image.set_qform(moved, codes[0])
        image.set_sform(AFFINE, codes[1])
        nib.save(image, tmp_path / f"{shift:.0f}.nii.gz")
    assert np.array_equal(read_nifti("S1", "t1", str(tmp_path / "1.nii.gz")).affine, AFFINE)
    sentence = "S1: .*30.nii.gz has two positions in its header, its qform and sform lie up to 30 mm apart.*fslorient"
    with pytest.raises(ScanError, match=sentence):
        read_nifti("S1", "t1", str(tmp_path / "30.nii.gz"))


def test_a_form_without_a_code_contradicts_nothing(tmp_path):
    image = nib.Nifti1Image(scan_array(40), AFFINE)
    image.set_qform(np.diag([2.0, 2, 2, 1]), 0)
    image.set_sform(AFFINE, 2)
    image.header["pixdim"][1:4] = 1
    nib.save(image, tmp_path / "a.nii.gz")
    assert np.array_equal(read_nifti("S1", "t1", str(tmp_path / "a.nii.gz")).affine, AFFINE)


def test_a_voxel_size_that_contradicts_the_sform_is_refused(tmp_path):
    for size in (3.02, 3.6):
        image = nib.Nifti1Image(scan_array(40), AFFINE @ np.diag([size, size, 3, 1]))
        image.header["pixdim"][1:4] = 3
        image.header["qform_code"] = 0
        nib.save(image, tmp_path / f"{size}.nii.gz")
    assert read_nifti("S1", "t1", str(tmp_path / "3.02.nii.gz")).affine[0, 0] == pytest.approx(-3.02)
    sentence = r"S1: .*3.6.nii.gz has two voxel sizes in its header, 3, 3, 3 mm \(pixdim\) and 3.6, 3.6, 3 mm \(sform\)"
    with pytest.raises(ScanError, match=sentence):
        read_nifti("S1", "t1", str(tmp_path / "3.6.nii.gz"))

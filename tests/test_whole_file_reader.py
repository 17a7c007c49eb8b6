"""Compressed scans are read in one go, to the same voxels and geometry as nibabel's."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from monai.data import NibabelReader
from monai.transforms import LoadImage

from scripts.whole_file_reader import WholeFileReader

AFFINE = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, -7], [0, 0, 3, 1], [0, 0, 0, 1]])


def both(path):
    readers = (WholeFileReader(), "NibabelReader")
    return [LoadImage(reader=reader, image_only=True, dtype=np.float32)(path) for reader in readers]


@pytest.mark.parametrize(
    "kind, name", [("Nifti1Image", "a.nii.gz"), ("Nifti1Image", "a.nii"), ("Nifti2Image", "a.nii.gz")]
)
def test_voxels_scaling_and_geometry_are_those_of_nibabel(tmp_path, kind, name):
    image = getattr(nib, kind)(np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE)
    image.header.set_slope_inter(0.5, 10)  # 0.5 * 23 + 10 is the last voxel
    nib.save(image, tmp_path / name)
    ours, nibabels = both(tmp_path / name)
    assert float(ours[1, 2, 3]) == 21.5
    assert np.array_equal(ours, nibabels) and np.array_equal(ours.affine, AFFINE)
    assert ours.meta.keys() == nibabels.meta.keys()


def test_file_is_decompressed_with_one_call(tmp_path, monkeypatch):
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    monkeypatch.setattr(NibabelReader, "read", lambda *_, **__: pytest.fail("nibabel opened it"))
    assert WholeFileReader().read(tmp_path / "a.nii.gz").shape == (4, 4, 4)
    # also where MONAI calls it: it would try its other readers after an error, and say nothing
    assert LoadImage(reader=WholeFileReader(), image_only=True)(tmp_path / "a.nii.gz").shape == (4, 4, 4)


def test_truncated_file_is_an_error(tmp_path):
    content = gzip.compress(np.random.default_rng(0).bytes(100_000))
    (tmp_path / "a.nii.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(EOFError):
        WholeFileReader().read(tmp_path / "a.nii.gz")

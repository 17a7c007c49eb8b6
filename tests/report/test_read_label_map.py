# SPDX-License-Identifier: Apache-2.0
"""Label maps from anywhere: what their numbers mean, what is refused by name, and that they lie where the scans do."""

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import ScanError
from scripts.report.read_label_map import read_regions, reoriented

AFFINE = np.array([[-1.0, 0, 0, 5], [0, -1, 0, 7], [0, 0, 2, -3], [0, 0, 0, 1]])
PARALLEL = np.array([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
SHAPE = (6, 5, 4)


def _label(dtype=np.uint8) -> np.ndarray:
    """One voxel of 1, two of 2, three of 4, in a corner that no flip leaves in its place."""
    label = np.zeros(SHAPE, dtype)
    label[0, 0, 0], label[1:3, 0, 0], label[3:6, 1, 0] = 1, 2, 4
    return label


def _save(folder, label, affine=AFFINE):
    path = folder / "S1_seg.nii.gz"
    nib.save(nib.Nifti1Image(label, affine), path)
    return path


def _counts(folder, label, label_convention=None, subject="S1") -> list[int]:
    regions, _ = read_regions(subject, _save(folder, label), label_convention)
    return regions.sum((1, 2, 3)).tolist()  # of tc, wt, et


@pytest.mark.parametrize("factor", [1, np.float32(0.9999)])  # a slope may leave almost whole numbers
def test_labels_are_regions(tmp_path, factor):
    assert _counts(tmp_path, _label() * factor) == [1 + 3, 1 + 2 + 3, 3]


def test_a_map_without_a_label_is_of_empty_regions(tmp_path):
    assert _counts(tmp_path, np.zeros(SHAPE, np.uint8)) == [0, 0, 0]


def test_a_last_axis_of_length_one_is_dropped(tmp_path):
    assert _counts(tmp_path, _label()[..., None]) == [4, 6, 3]


def test_the_label_convention_gives_numbers_their_meaning(tmp_path):
    label = _label()
    label[label == 4] = 3
    assert _counts(tmp_path, label, "brats2023") == [1 + 3, 6, 3]
    assert _counts(tmp_path, label, "msd") == [2 + 3, 6, 3]  # its 2 is the core
    assert _counts(tmp_path, label, "brats", "BraTS2021_00006") == [4, 6, 3]
    with pytest.raises(ScanError, match="S1_seg.nii.gz has a label 3 and no 4.*--label_convention brats2023"):
        _counts(tmp_path, label, "brats")


def test_a_four_of_a_paediatric_subject_is_oedema_unless_inference_recorded_the_convention(tmp_path):
    path = _save(tmp_path, _label())
    with pytest.raises(ScanError, match="S1_seg.nii.gz holds label value 4, which is oedema in the paediatric"):
        read_regions("BraTS-PED-00001-000", path, "brats2023")
    regions, _ = read_regions("BraTS-PED-00001-000", path, "brats", recorded=True)
    assert regions.sum((1, 2, 3)).tolist() == [4, 6, 3]


@pytest.mark.parametrize(
    "value, dtype, sentence",
    [
        (7, np.uint8, "holds the unknown label value 7"),
        (-1, np.int16, "holds the unknown label value -1"),
        (258, np.int16, "holds the unknown label value 258"),  # 2 in eight bits
        (0.9, np.float32, "holds 0.9, which is no label: labels are small whole numbers"),
    ],
)
def test_values_that_are_no_labels_are_refused_with_the_name_of_the_file(tmp_path, value, dtype, sentence):
    label = _label(dtype)
    label[4, 4, 3] = value
    with pytest.raises(ScanError, match=f"S1: .*S1_seg.nii.gz:? {sentence}"):
        _counts(tmp_path, label)


def test_other_shapes_and_degenerate_affines_are_refused_with_the_name_of_the_file(tmp_path):
    with pytest.raises(ScanError, match="S1_seg.nii.gz has shape 6 x 5 x 4 x 2 instead of three axes"):
        _counts(tmp_path, np.stack([_label()] * 2, axis=-1))
    with pytest.raises(ScanError, match="S1_seg.nii.gz has shape 6 x 5"):
        _counts(tmp_path, _label()[..., 0])
    with pytest.raises(ScanError, match="S1_seg.nii.gz has a degenerate affine"):
        read_regions("S1", _save(tmp_path, _label(), AFFINE @ PARALLEL))


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR", "SAL"])
def test_a_map_in_another_orientation_is_turned_to_the_scans(tmp_path, axes):
    image = nib.Nifti1Image(_label(), AFFINE)
    turn = nib.orientations.ornt_transform(nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(axes))
    turned = image.as_reoriented(turn)
    regions, affine = read_regions("S1", _save(tmp_path, np.asarray(turned.dataobj), turned.affine))
    there = reoriented(regions, affine, AFFINE, SHAPE, "S1_seg.nii.gz")
    assert there.shape == (3, *SHAPE)
    np.testing.assert_array_equal(there[0], np.isin(_label(), (1, 4)))
    np.testing.assert_array_equal(there[2], _label() == 4)


@pytest.mark.parametrize("shift, size", [(1, SHAPE), (0, (6, 5, 5))])
def test_a_map_on_another_grid_is_refused(shift, size):
    affine = AFFINE.copy()
    affine[0, 3] += shift  # a voxel to the right
    with pytest.raises(ScanError, match="S1_seg.nii.gz is on another grid than the scans"):
        reoriented(np.zeros((3, *size), bool), affine, AFFINE, SHAPE, "S1_seg.nii.gz")

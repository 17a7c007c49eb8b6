# SPDX-License-Identifier: Apache-2.0
"""Which slices are shown, and that they are turned as radiologists look at them, whatever the file's orientation."""

import nibabel as nib
import numpy as np
import pytest
from scripts.report.planes import planes_through, spread, to_display

RAS = np.diag([1.0, 1.0, 1.0, 1.0])
SHAPE = (20, 24, 16)


def _marked() -> np.ndarray:
    """A head whose brightness tells the places: right 100 x, anterior 1 y; x, y, z are RAS voxels."""
    x, y, z = np.indices(SHAPE)
    return (10_000 * z + 100 * x + y + 1).astype(float)


def _tumour(first=(5, 6, 7)) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(f, f + 4) for f in first)] = True
    return mask


def _planes(volume, tumour, affine=RAS):
    shown, mask = to_display(volume, affine), to_display(tumour, affine)
    return shown, planes_through(mask, shown != 0, affine)


def test_the_patients_right_is_on_the_left_and_front_and_top_are_up():
    shown, (axial, coronal, sagittal) = _planes(_marked(), _tumour())
    # x is the patient's right to left in RAS counted from the right's other side: large x is right in "R"AS
    assert axial.cut(shown)[0, 0] - axial.cut(shown)[0, 1] == 100  # leftmost column is the largest x: right
    assert axial.cut(shown)[0, 0] - axial.cut(shown)[1, 0] == 1  # top row is the largest y: anterior
    assert coronal.cut(shown)[0, 0] - coronal.cut(shown)[1, 0] == 10_000  # top row is the largest z: superior
    assert coronal.cut(shown)[0, 0] - coronal.cut(shown)[0, 1] == 100
    assert sagittal.cut(shown)[0, 0] - sagittal.cut(shown)[0, 1] == 1  # anterior is on the left


def test_planes_are_where_the_tumours_area_is_largest():
    tumour = np.zeros(SHAPE, dtype=bool)
    tumour[5:9, 6:10, 3] = True  # 16 voxels of the axial slice 3
    tumour[5, 6, 4:9] = True  # 5 more along z: coronal slice 6 has 4 + 5, sagittal slice 5 too
    volume = _marked()
    shown, planes = _planes(volume, tumour)
    axial, coronal, sagittal = (plane.cut(shown)[:-1] for plane in planes)  # without the empty row
    assert set((axial // 10_000).ravel()) == {3}
    assert set((coronal % 100).ravel()) == {6 + 1}
    assert set((sagittal % 10_000 // 100).ravel()) == {5}


@pytest.mark.parametrize("axes", ["LPS", "PIR", "SAL", "ASR"])
def test_any_orientation_of_the_file_gives_the_same_picture(axes):
    image = nib.Nifti1Image(_marked(), RAS)
    turn = nib.orientations.ornt_transform(nib.io_orientation(RAS), nib.orientations.axcodes2ornt(axes))
    turned = image.as_reoriented(turn)
    tumour = nib.orientations.apply_orientation(_tumour(), turn)
    one, planes = _planes(_marked(), _tumour())
    other, same = _planes(turned.get_fdata(), tumour, turned.affine)
    for a, b in zip(planes, same):
        # of the four equally large slices the first in display order is taken in both
        np.testing.assert_array_equal(a.cut(one), b.cut(other))


def test_slices_are_numbered_as_in_the_file():
    tumour = np.zeros(SHAPE, dtype=bool)
    tumour[4, 6, 2] = True
    _, planes = _planes(_marked(), tumour)
    assert [(p.name, p.numbers, p.count) for p in planes] == [
        ("axial", [3], 16),  # voxel 2 is the third
        ("coronal", [7], 24),
        ("sagittal", [5], 20),
    ]


@pytest.mark.parametrize(
    "at, first, stop, slices, places",
    [
        (7, 2, 14, 4, [4, 7, 10, 13]),  # 12 places in 4 steps of 3
        (7, 2, 14, 5, [4, 7, 10, 13]),  # steps of 12 / 5, rounded up
        (7, 2, 14, 1, [7]),
        (7, 2, 14, 12, list(range(2, 14))),
        (7, 2, 14, 60, list(range(2, 14))),  # not more than there are
        (1, 2, 14, 4, [1, 5, 9, 13]),  # a tumour outside of the head
        (15, 2, 14, 4, [3, 7, 11, 15]),
    ],
)
def test_slices_have_equal_distances_and_one_is_where_the_tumour_is(at, first, stop, slices, places):
    assert list(spread(at, first, stop, slices)) == places


def test_slices_go_through_the_head_in_the_files_order_and_the_tumours_comes_first():
    volume = np.zeros((60, 60, 60))
    volume[20:30, 20:40, 32:48] = 1
    tumour = np.zeros(volume.shape, dtype=bool)
    tumour[25, 25, 41] = True
    shown, mask = to_display(volume, RAS), to_display(tumour, RAS)
    axial, coronal, _ = planes_through(mask, shown != 0, RAS, slices=4)
    # voxels 33, 37, 41 and 45 of the head's 32 to 47, numbered from 1
    assert (axial.numbers, axial.start) == ([34, 38, 42, 46], 2)
    assert (coronal.numbers, coronal.start) == ([21, 26, 31, 36], 1)
    assert axial.pitch_mm == axial.height_mm + 1


def test_slices_lie_one_below_the_other_with_an_empty_row_between():
    volume = _marked()
    shown, mask = to_display(volume, RAS), to_display(_tumour(), RAS)
    axial, _, _ = planes_through(mask, shown != 0, RAS, slices=4)
    pixels = axial.cut(shown).reshape(4, 24 + 1, 20)
    # of the tumour's equal slices 7 to 10 the uppermost, which is number 11, and every fourth
    assert axial.numbers == [3, 7, 11, 15]
    assert [set((pixel[:-1] // 10_000).ravel()) for pixel in pixels] == [{2}, {6}, {10}, {14}]
    assert not pixels[:, -1].any()


def test_voxels_that_are_not_cubes_keep_their_size():
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    _, (axial, coronal, sagittal) = _planes(_marked(), _tumour(), affine)
    assert (axial.column_mm, axial.row_mm) == (1, 2)
    assert (coronal.column_mm, coronal.row_mm) == (1, 3)
    assert (sagittal.column_mm, sagittal.row_mm) == (2, 3)
    assert (sagittal.width_mm, sagittal.height_mm) == (2 * 24, 3 * 16)


def test_the_picture_is_cropped_to_the_head_with_a_margin():
    volume = np.zeros((60, 60, 60))
    volume[20:30, 25:40, 30:33] = 1
    _, (axial, coronal, _) = _planes(volume, volume > 0)
    assert axial.width_mm == 10 + 2 * 6 and axial.height_mm == 15 + 2 * 6
    assert coronal.height_mm == 3 + 2 * 6


def test_without_tumour_or_head_the_middle_is_shown():
    nothing = np.zeros(SHAPE)
    _, planes = _planes(nothing, nothing > 0)
    assert [list(plane.places) for plane in planes] == [[8], [12], [10]]

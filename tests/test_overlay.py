# SPDX-License-Identifier: Apache-2.0
"""The picture of a subject shows the tumour, in radiologists' orientation."""

import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure

from scripts.overlay import overlay

pytestmark = pytest.mark.filterwarnings("error")
RAS = np.diag([1.0, 1.0, 1.0, 1.0])


def _head(shape=(20, 24, 16)) -> np.ndarray:
    """A head whose brightness grows towards the patient's right, in a RAS grid."""
    image = np.zeros(shape)
    image[3:-3, 3:-3, 3:-3] = np.arange(3, shape[0] - 3)[:, None, None]
    return image


def _regions(first: tuple, shape=(20, 24, 16)) -> np.ndarray:
    maps = np.zeros((3, *shape), dtype=bool)
    maps[(slice(None), *(slice(f, f + 4) for f in first))] = True
    return maps


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    return figures


def _slices(figure: Figure) -> list[np.ndarray]:
    return [axes.images[0].get_array() for axes in figure.axes]


def test_each_sequence_has_three_planes(tmp_path):
    path = tmp_path / "subject.png"
    overlay({"t1ce": _head(), "flair": _head()}, RAS, _regions((5, 5, 5)), path, _regions((6, 6, 6)), "a subject")
    assert path.stat().st_size > 10_000


def test_the_patients_right_is_on_the_left(drawn):
    overlay({"flair": _head()}, RAS, _regions((5, 5, 5)), "unused.png")
    axial = _slices(drawn[0])[0]
    assert axial.shape == (24, 20)  # rows to the front, columns to the patient's left
    assert axial[12, 4] > axial[12, -5]


def test_any_orientation_of_the_array_gives_the_same_picture(drawn):
    overlay({"flair": _head()}, RAS, _regions((5, 6, 7)), "unused.png")
    turn = nib.orientations.axcodes2ornt("PIR")
    image = nib.Nifti1Image(_head(), RAS).as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(RAS), turn))
    change = nib.orientations.ornt_transform(nib.io_orientation(RAS), turn)
    maps = np.stack([nib.orientations.apply_orientation(m, change) for m in _regions((5, 6, 7))])
    overlay({"flair": image.get_fdata()}, image.affine, maps, "unused.png")
    for before, after in zip(_slices(drawn[0]), _slices(drawn[1])):
        np.testing.assert_array_equal(before, after)


def test_planes_pass_through_the_largest_part_of_the_true_tumour(drawn):
    image, truth = _head(), _regions((4, 4, 4))
    truth[:, 10:12, 10:12, 9] = True  # a second, smaller one
    image[:, :, 4] = 99
    overlay({"flair": image}, RAS, _regions((12, 12, 10)), "unused.png", truth)
    assert (_slices(drawn[0])[0] == 99).all()  # the first of the equally large planes


def test_without_any_tumour_the_middle_is_shown(drawn):
    nothing = np.zeros((3, 20, 24, 16), dtype=bool)
    image = _head()
    image[:, :, 8] = 99
    overlay({"flair": image}, RAS, nothing, "unused.png", nothing)
    assert (_slices(drawn[0])[0] == 99).all()


def test_an_empty_image_can_be_drawn(tmp_path):
    overlay({"flair": np.zeros((20, 24, 16))}, RAS, _regions((5, 5, 5)), tmp_path / "subject.png")
    assert (tmp_path / "subject.png").exists()


def test_voxels_that_are_not_cubes_keep_their_proportions(drawn):
    overlay({"flair": _head()}, np.diag([1.0, 1.0, 3.0, 1.0]), _regions((5, 5, 5)), "unused.png")
    axial, coronal, sagittal = (axes.get_aspect() for axes in drawn[0].axes)
    assert (axial, coronal, sagittal) == (1, 3, 3)

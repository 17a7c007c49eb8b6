# SPDX-License-Identifier: Apache-2.0
"""A simulated hospital has other scans of the same tumours."""

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.research.simulated_hospital import main, render_hospital


def _voxels(folder, name):
    return np.asanyarray(nib.load(folder / f"{folder.name}_{name}.nii.gz").dataobj)


def test_the_label_map_is_the_same_and_the_scan_is_of_another_scanner(one_subject, tmp_path):
    cohort, number = one_subject.parent, int(one_subject.name[-5:])
    (one,) = render_hospital(cohort, tmp_path / "a", "flair", number, 1, acquisition=0.0, prefix="A")
    (other,) = render_hospital(cohort, tmp_path / "b", "flair", number, 1, acquisition=2.0, prefix="B")
    assert sorted(path.name for path in one.iterdir()) == [f"{one.name}_flair.nii.gz", f"{one.name}_seg.nii.gz"]
    assert np.array_equal(_voxels(one, "seg"), _voxels(one_subject, "seg"))
    clean, poor = _voxels(one, "flair").astype(float), _voxels(other, "flair").astype(float)
    assert np.array_equal(clean != 0, poor != 0)
    assert 0.2 < np.corrcoef(clean[clean != 0], poor[clean != 0])[0, 1] < 0.98


def test_the_same_seed_gives_the_same_scan_and_what_is_there_is_kept(one_subject, tmp_path):
    cohort, number = one_subject.parent, int(one_subject.name[-5:])
    (one,) = render_hospital(cohort, tmp_path / "a", "t2", number, 1, prefix="A")
    (other,) = render_hospital(cohort, tmp_path / "b", "t2", number, 1, prefix="A")
    assert np.array_equal(_voxels(one, "t2"), _voxels(other, "t2"))
    (one / "note.txt").write_text("mine")
    main(
        [str(cohort), str(tmp_path / "a"), "--sequence", "t2", "--first", str(number), "--count", "1", "--prefix", "A"]
    )
    assert (one / "note.txt").is_file()


@pytest.mark.parametrize("change", [{"acquisition": 2.0}, {"sequence": "t1"}, {"seed": 3}])
def test_other_scans_in_the_same_folder_are_refused(one_subject, tmp_path, change):
    given = {"sequence": "t2", "first": int(one_subject.name[-5:]), "count": 1}
    render_hospital(one_subject.parent, tmp_path / "a", **given)
    with pytest.raises(UserError, match="holds scans made with .* choose another folder"):
        render_hospital(one_subject.parent, tmp_path / "a", **given | change)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").touch()
    with pytest.raises(UserError, match="b is not empty and holds no simulated hospital"):
        render_hospital(one_subject.parent, tmp_path / "b", **given)


def test_a_subject_that_the_cohort_lacks_is_named(one_subject, tmp_path):
    with pytest.raises(UserError, match="Simulated_00077_maps.npz does not exist"):
        render_hospital(one_subject.parent, tmp_path, "flair", 77, 1)

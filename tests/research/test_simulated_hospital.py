# SPDX-License-Identifier: Apache-2.0
"""A simulated hospital has other scans of the same tumours."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.common.files import locked
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
    with pytest.raises(UserError, match="holds a simulated hospital made with .* choose another folder"):
        render_hospital(one_subject.parent, tmp_path / "a", **given | change)


def test_what_a_killed_run_has_left_is_removed_and_a_damaged_record_told(one_subject, tmp_path):
    given = {"sequence": "t2", "first": int(one_subject.name[-5:]), "count": 1, "prefix": "B"}
    name = one_subject.name.replace("Simulated", "B")
    (tmp_path / f".999999999.{name}").mkdir()
    (tmp_path / "hospital.json").write_text('{"sequence": "t2", "acquisition": 0.5, "seed": 0}')
    render_hospital(one_subject.parent, tmp_path, **given)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "hospital.json"]
    (tmp_path / "hospital.json").write_text("{")
    with pytest.raises(UserError, match="hospital.json is damaged .* what the simulated hospital was made with"):
        render_hospital(one_subject.parent, tmp_path, **given)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_one_process_at_a_time_renders_into_a_folder(one_subject, tmp_path, caplog):
    given = (one_subject.parent, tmp_path, "t2", int(one_subject.name[-5:]), 1)
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path):
            rendering = pool.submit(render_hospital, *given)
            while "Another process is working in" not in caplog.text:
                assert not rendering.done()
                time.sleep(0.01)
            assert not list(tmp_path.iterdir())
        assert [path.is_dir() for path in rendering.result()] == [True]


def test_an_unknown_sequence_is_refused_before_anything_is_written(one_subject, tmp_path):
    with pytest.raises(UserError, match="'dwi' is not a sequence"):
        render_hospital(one_subject.parent, tmp_path / "a", "dwi", 0, 1)
    assert not list(tmp_path.iterdir())


def test_a_subject_that_the_cohort_lacks_is_named(one_subject, tmp_path):
    with pytest.raises(UserError, match="Simulated_00077_maps.npz does not exist"):
        render_hospital(one_subject.parent, tmp_path, "flair", 77, 1)

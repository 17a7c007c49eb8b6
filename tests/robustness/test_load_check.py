# SPDX-License-Identifier: Apache-2.0
"""A folder in which something is lost or wrong after a trial is found."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from tests.robustness.load_batch import Subject
from tests.robustness.load_check import Trial, checked, report


def _folder(tmp_path):
    """Two good subjects, one bad one, and a folder in which all is right: label maps of 8 voxels of 1 ml."""
    right = np.zeros((4, 4, 4), np.uint8)
    right[:2, :2, :2] = 2
    affine = np.diag([10.0, 10, 10, 1])
    batch = [Subject(name, Path("source"), ("t1",), bad) for name, bad in (("A", None), ("B", None), ("C", "4D"))]
    for name in "AB":
        (tmp_path / "out" / name).mkdir(parents=True)
        nib.save(nib.Nifti1Image(right, affine), tmp_path / "out" / name / f"{name}_seg.nii.gz")
    rows = [("A", "8.0", ""), ("B", "8.0", ""), ("C", "", "C: it has two volumes.")]
    _table(tmp_path / "out", rows)
    Path(f"{tmp_path}/out.memory1").write_text("1024\n" * 20 + "4096\n")
    return batch, {(Path("source"), ("t1",)): (right, affine)}, rows


def _table(folder, rows):
    pd.DataFrame(rows, columns=["subject", "wt_ml", "problem"]).to_csv(folder / "segmentations.csv", index=False)


def test_a_folder_in_which_all_is_right_has_no_problems(tmp_path):
    batch, right, _ = _folder(tmp_path)
    trial = checked("one", tmp_path / "out", batch, right, 5.0)
    assert trial == Trial("one", right=2, told=1, agreeing=3, hidden=0, memory=(1, 4), seconds=5.0, problems=[])
    assert "| one | 2 of 2 | 1 of 1 | 3 of 3 | 0 | 1, 4 | 5 |" in report([trial], batch)


@pytest.mark.parametrize(
    "rows, problem",
    [
        ([("A", "8.0", ""), ("B", "7.0", ""), ("C", "", "why")], "B (t1) is not agreeing."),
        ([("A", "8.0", ""), ("B", "8.0", "why"), ("C", "", "why")], "B (t1) is not agreeing."),
        ([("A", "8.0", ""), ("B", "8.0", ""), ("C", "", "")], "C (4D) is not told."),
        ([("A", "8.0", ""), ("B", "8.0", ""), ("C", "", "why"), ("D", "", "why")], "which is no subject of the batch"),
    ],
)
def test_a_table_that_differs_from_the_files_is_found(tmp_path, rows, problem):
    batch, right, _ = _folder(tmp_path)
    _table(tmp_path / "out", rows)
    assert any(problem in each for each in checked("one", tmp_path / "out", batch, right, 5.0).problems)


def test_a_wrong_or_missing_label_map_and_a_hidden_file_are_found(tmp_path):
    batch, right, _ = _folder(tmp_path)
    (tmp_path / "out" / "A" / "A_seg.nii.gz").unlink()
    shifted = np.roll(right[Path("source"), ("t1",)][0], 1, axis=0)
    nib.save(nib.Nifti1Image(shifted, np.diag([10.0, 10, 10, 1])), tmp_path / "out" / "B" / "B_seg.nii.gz")
    (tmp_path / "out" / "B" / ".7.B_seg.nii.gz").touch()
    trial = checked("one", tmp_path / "out", batch, right, 5.0)
    assert (trial.right, trial.told, trial.agreeing, trial.hidden) == (0, 1, 2, 1)
    assert "B (t1) is not right." in trial.problems and "A (t1) is not right." in trial.problems

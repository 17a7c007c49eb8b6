# SPDX-License-Identifier: Apache-2.0
"""A batch with bad subjects keeps what is right and names what is wrong, whatever happens to the run."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scripts.common.errors import UserError, user_message
from scripts.research.robustness.load import Load, Trial, checked, report
from scripts.research.robustness.load_batch import BAD, FILTERS, SEQUENCES_OF, Subject, write_networks, write_subject
from tiny import ROOT, workflow


def test_no_subject_is_lost_by_a_kill_a_second_run_or_a_full_disk(one_subject, tmp_path):
    trials = Load(tmp_path / "work", [one_subject], 4.0, subjects=12, kills=1).run()
    assert [trial.problems for trial in trials] == [[]] * 4
    assert {(trial.right, trial.told, trial.agreeing, trial.hidden) for trial in trials} == {(11, 1, 12, 0)}
    assert all(early > 50 and end >= early for early, end in (trial.memory for trial in trials))


def test_each_kind_of_bad_subject_has_a_reason_and_no_label_map(one_subject, tmp_path):
    write_networks(tmp_path / "networks", 4.0)
    batch = [
        write_subject(tmp_path / "scans", f"S{number}", one_subject, SEQUENCES_OF.get(bad, ("t1ce", "flair")), bad)
        for number, bad in enumerate(BAD)
    ]
    keys = {"dataset_dir": tmp_path / "scans", "output_dir": tmp_path / "out", "ckpt_dir": tmp_path / "networks"}
    keys = {name: str(folder) for name, folder in keys.items()} | {"bundle_root": str(ROOT), "spacing": 4.0}
    keys |= {"filters": FILTERS, "device": "cpu", "amp": False, "report": False}
    run = workflow("inference.json", "batch_inference.json", kind="infer", **keys)
    run.initialize()
    with pytest.raises(Exception) as caught:
        run.run()
    assert user_message(caught.value).startswith("0 of 21 subjects were done.")
    Path(f"{tmp_path}/out.memory1").write_text("2048\n")
    assert checked("bad ones", tmp_path / "out", batch, {}, 1.0) == Trial("bad ones", 0, 21, 21, 0, (2, 2), 1.0, [])


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


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(UserError, match="is not empty: give another folder with --work"):
        Load(tmp_path, [], 4.0, subjects=1)

# SPDX-License-Identifier: Apache-2.0
"""A batch with bad subjects keeps what is right and names what is wrong, whatever happens to the run."""

from pathlib import Path

import pytest
from scripts.common.errors import UserError, user_message
from tiny import ROOT, workflow

from tests.robustness.load import Load
from tests.robustness.load_batch import BAD, FILTERS, SEQUENCES_OF, write_networks, write_subject
from tests.robustness.load_check import Trial, checked


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


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(UserError, match="is not empty: give another folder with --work"):
        Load(tmp_path, [], 4.0, subjects=1)

# SPDX-License-Identifier: Apache-2.0
import hashlib

import numpy as np
from scripts.data.item_files import file_of, other_scans, scan_hashes


def test_a_path_is_its_own_file_and_a_volume_has_that_of_all_volumes():
    assert file_of("a.nii.gz") == "a.nii.gz"
    assert file_of({"file": "a.nii.gz", "volume": 2}) == "a.nii.gz"


def test_files_are_hashed_by_sequence_and_arrays_and_absent_files_left_out(tmp_path):
    file = tmp_path / "a.nii.gz"
    file.write_bytes(b"scan")
    item = {"t1": {"file": str(file), "volume": 0}, "t2": {"file": str(file), "volume": 1}, "flair": np.zeros(2)}
    sha256 = hashlib.sha256(b"scan").hexdigest()
    assert scan_hashes(item | {"t1ce": "absent"}, ["t1", "t1ce", "flair"]) == {"t1": sha256}
    assert scan_hashes(item, item) == {"t1": sha256, "t2": sha256}


def test_only_recorded_scans_with_another_content_are_other_ones(tmp_path):
    for name in ("t1", "t2"):
        (tmp_path / name).write_bytes(b"scan")
    item = {name: str(tmp_path / name) for name in ("t1", "t2", "absent")}
    recorded = scan_hashes(item, item)
    assert other_scans(item, recorded) == []
    (tmp_path / "t1").write_bytes(b"of another patient")
    assert other_scans(item, recorded) == ["t1"] and other_scans(item, {"t2": recorded["t2"], "flair": "1"}) == []

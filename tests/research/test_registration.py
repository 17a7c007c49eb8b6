# SPDX-License-Identifier: Apache-2.0
"""The error of a registration is the distance between where the found and the true transform put the brain's voxels."""

import numpy as np
import pytest
from conftest import save
from scripts.common.errors import UserError
from scripts.preprocess.register import motion
from scripts.research import registration
from scripts.research.registration import displacement, main, rigid

from tests.preprocess.head import AFFINE, movement, scan


def test_the_movement_has_the_size_that_is_asked_for():
    at = np.array([10.0, -20, 30])
    assert motion(rigid(20, 15, at, np.random.default_rng(0)), at) == pytest.approx((20, 15))
    assert np.allclose(rigid(0, 0, at, np.random.default_rng(0)), np.eye(4))


def test_the_error_is_measured_on_the_voxels_of_the_brain_in_mm():
    volume = np.zeros((3, 2, 2))
    volume[0, 0, 0] = volume[2, 0, 0] = 5  # at 0 and 4 mm
    affine = np.diag([2.0, 2, 2, 1])
    assert displacement(movement(0, 3), np.eye(4), volume, affine).tolist() == [3, 3]
    # a turn by 90 degrees takes (4, 0, 0) to (0, 4, 0)
    assert displacement(movement(90, 0), np.eye(4), volume, affine) == pytest.approx([0, np.sqrt(32)])


def test_the_command_prints_and_writes_a_row_for_each_amount(tmp_path, monkeypatch, capsys):
    for name, bright in (("t1", 300), ("t1ce", 900), ("t2", 950), ("flair", 100)):
        save(scan(bright), tmp_path / f"data/P1/P1_{name}.nii.gz", AFFINE)
    label = np.zeros(scan().shape, np.uint8)
    label[20:26, 20:30, 15:22] = 2
    save(label, tmp_path / "data/P1/P1_seg.nii.gz", AFFINE)
    page = tmp_path / "page.md"
    name = "python -m scripts.research.registration"
    page.write_text(f"<!-- from here made by {name} -->\n<!-- to here made by {name} -->\n")
    # a registration that is 1 mm off
    truth = {}
    monkeypatch.setattr(registration, "rigid", lambda *arguments: truth.setdefault("known", rigid(*arguments)))

    def register(subject, fixed, moving, names):
        assert subject == "P1" and names == ("t1ce", "flair")
        shift = np.eye(4)
        shift[0, 3] = 1
        return shift @ truth["known"]

    monkeypatch.setattr(registration, "register", register)
    main(["--dataset_dir", str(tmp_path / "data"), "--subjects", "1", "--amounts", "8", "--page", str(page)])
    assert "| 8 mm, 8° | P1 | flair | 1.00 | 1.00 | – | 0.9" in capsys.readouterr().out
    assert "| **8 mm, 8°** | 1 subjects |  | **1.00** | 1.00 | – | 0.9" in page.read_text()


def test_no_subject_is_refused(tmp_path):
    with pytest.raises(UserError, match="--subjects is 0"):
        main(["--dataset_dir", str(tmp_path), "--subjects", "0"])

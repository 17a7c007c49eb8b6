# SPDX-License-Identifier: Apache-2.0
"""The parts of a whole folder, as `python -m scripts.report` brings them up to date."""

import hashlib
import json
import re

import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.report.__main__ import main
from scripts.report.handlers import ReportSegmentations
from scripts.report.parts import write_part
from scripts.report.run_info import read_run, write_run

from tests.report.helpers import (
    change_label_map,
    engine,
    parts_of,
    save_label_map,
    save_label_map_with_record,
    save_scans,
)


def test_label_maps_of_other_software_are_drawn_from_the_command_line(tmp_path):
    save_scans(tmp_path / "scans", "S1", ("t1ce", "flair"))
    save_label_map(tmp_path / "out", "S1")
    save_label_map(tmp_path / "out", "S2")  # its scans are gone
    main([str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")])
    records = parts_of(tmp_path / "out")
    assert records["S1"]["sequences"] == ["t1ce", "flair"] and "note" not in records["S1"]
    assert "No picture" in records["S2"]["note"]
    assert "<h3>S2</h3>" in (tmp_path / "out" / "report.html").read_text()


def test_rounding_in_the_record_is_no_warning(tmp_path):
    save_label_map_with_record(tmp_path, "S1", volumes_ml={"wt": 1.3004, "tc": 0.2996, "et": 0.1})
    main([str(tmp_path)])
    assert "No warning." in (tmp_path / "report.html").read_text()


def test_pictures_that_a_stopped_run_lacks_are_drawn_from_the_command_line(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    ReportSegmentations(out, [item]).start(engine())
    save_label_map_with_record(out, "S1")
    main([str(out)])
    assert (out / "report.html").read_text().count('<figure class="axial"') == 2


def _add_a_seven(label):
    label[0, 0, 0] = 7
    return label


def test_one_bad_label_map_is_listed_and_the_others_are_drawn(tmp_path):
    for name in ("S1", "S2"):
        save_scans(tmp_path / "scans", name, ("flair",))
        save_label_map(tmp_path / "out", name)
    bad = tmp_path / "out" / "S1" / "S1_seg.nii.gz"
    change_label_map(bad, _add_a_seven)
    arguments = [str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")]
    main(arguments)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"<li><b>S1</b>: {bad}: holds the unknown label value 7" in page and "<h3>S2</h3>" in page
    change_label_map(bad, lambda label: label * (label != 7))
    main(arguments)  # put right, it is drawn
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h3>S1</h3>" in page and "unknown label value" not in page


def test_the_label_convention_can_be_named_and_is_remembered(tmp_path):
    save_scans(tmp_path / "scans", "S1", ("flair",))
    save_label_map(tmp_path / "out", "S1", enhancing=3)
    arguments = [str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")]
    main(arguments)
    assert "has a label 3 and no 4" in parts_of(tmp_path / "out")["S1"]["failed"]
    for more in (["--label_convention", "msd"], []):
        main(arguments + more)
        # 500 voxels of 2, which is the core of MSD, and 50 enhancing ones, of .002 ml each
        assert parts_of(tmp_path / "out")["S1"]["volumes_ml"] == pytest.approx({"tc": 1.1, "wt": 1.3, "et": 0.1})
    main(arguments + ["--label_convention", "brats2023"])
    assert parts_of(tmp_path / "out")["S1"]["volumes_ml"]["tc"] == pytest.approx(0.3)
    with pytest.raises(UserError, match="name the scans with --dataset_dir too"):
        main([str(tmp_path / "out"), "--label_convention", "msd"])


def test_the_label_convention_of_a_record_is_used(tmp_path):
    save_label_map_with_record(tmp_path, "S1", settings={"label_convention": "brats2023"})
    change_label_map(tmp_path / "S1" / "S1_seg.nii.gz", lambda label: np.where(label == 4, 3, label))
    main([str(tmp_path)])
    assert parts_of(tmp_path)["S1"]["volumes_ml"] == pytest.approx({"tc": 0.3, "wt": 1.3, "et": 0.1})


def test_label_maps_are_not_drawn_over_the_pictures_of_an_evaluation(tmp_path):
    write_run(tmp_path, "evaluation", {})
    save_label_map_with_record(tmp_path, "S1")
    with pytest.raises(UserError, match="holds an evaluation.*leave --dataset_dir"):
        main([str(tmp_path), "--dataset_dir", str(tmp_path)])
    assert read_run(tmp_path)["kind"] == "evaluation" and parts_of(tmp_path) == {}


def test_parts_and_runs_of_version_0_6_are_read_and_need_no_new_picture(tmp_path):
    save_label_map_with_record(tmp_path, "S1", settings={"numbering": "brats2023"})
    digest = hashlib.sha256((tmp_path / "S1" / "S1_seg.nii.gz").read_bytes()).hexdigest()
    part = {"subject": "S1", "volumes_ml": {"wt": 1.3, "tc": 0.3, "et": 0.1}}
    part["label_map"] = {"sha256": digest, "numbering": "brats2023"}
    write_part(tmp_path / "report", part, "<p>its picture</p>")
    run = {"kind": "inference", "facts": {}, "expected": None, "scans": {"S1": {"subject": "S1", "numbering": "brats"}}}
    (tmp_path / "report" / "run.json").write_text(json.dumps(run))
    main([str(tmp_path)])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<p>its picture</p>" in page and "by model.pt" in page
    assert read_run(tmp_path)["scans"]["S1"] == {"subject": "S1", "label_convention": "brats"}


def test_the_label_convention_of_an_old_record_is_used(tmp_path):
    save_label_map_with_record(tmp_path, "S1", settings={"numbering": "msd"})
    change_label_map(tmp_path / "S1" / "S1_seg.nii.gz", lambda label: np.where(label == 4, 3, label))
    main([str(tmp_path)])
    # 500 voxels of 2, which is the core of MSD, and 50 enhancing ones, of .002 ml each
    assert parts_of(tmp_path)["S1"]["volumes_ml"] == pytest.approx({"tc": 1.1, "wt": 1.3, "et": 0.1})


def test_other_slices_are_drawn_when_asked_for_and_otherwise_those_of_the_run(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1", ("flair",))
    ReportSegmentations(out, [item], slices=4).start(engine())
    save_label_map_with_record(out, "S1", sequences=["flair"])
    # the head's slices are the voxels 3 to 16 along z, the tumour's largest the uppermost of 5 to 10; steps of 4 and 7
    few, more = ["7 11 15"], ["4 11"]
    for options, axial in (([], few), (["--slices", "2"], more), ([], few), (["--slices", "1"], [])):
        main([str(out), *options])
        assert re.findall('data-numbers="([^"]+)"', (out / "report.html").read_text())[:1] == axial
    for slices in ("0", "61"):
        with pytest.raises(UserError, match=f"--slices is {slices}, but must be from 1 to 60"):
            main([str(out), "--slices", slices])


def test_the_pictures_of_an_evaluation_cannot_be_drawn_with_other_slices(tmp_path):
    write_run(tmp_path, "evaluation", {})
    with pytest.raises(UserError, match="leave --dataset_dir and --slices out"):
        main([str(tmp_path), "--slices", "3"])

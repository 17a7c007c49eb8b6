# SPDX-License-Identifier: Apache-2.0
"""The page of two folders side by side, as `python -m scripts.report A --beside B` writes it."""

import re

import pytest
from scripts.common.errors import UserError
from scripts.report.__main__ import main

from tests.report.helpers import change_label_map, save_label_map, save_label_map_with_record, save_scans


def _page(tmp_path, first, second, *more) -> str:
    main([str(first), "--beside", str(second), *more])
    return (first / f"report_beside_{second.name}.html").read_text(encoding="utf-8")


def test_the_page_has_volumes_dice_links_and_pictures_of_both(tmp_path, capsys):
    first, second = tmp_path / "four", tmp_path / "one"
    for folder in (first, second):
        for name in ("S1", "S2"):
            save_label_map_with_record(folder, name)
    for name in ("S1", "S2"):
        save_scans(tmp_path / "scans", name, ("t1ce", "flair"))
    (second / "report.html").write_text("")
    change_label_map(second / "S2" / "S2_seg.nii.gz", lambda label: label * (label != 1))
    page = _page(tmp_path, first, second, "--dataset_dir", str(tmp_path / "scans"), "--slices", "2")
    assert capsys.readouterr().out.strip() == str(first / "report_beside_one.html")
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["S2", "S1"]  # the least alike first
    # S2: 2 * 550 / 1200 and 2 * 50 / 200; the mean with S1's 1 is .96 and .75
    assert "mean Dice between the two: WT <b>0.96</b>, TC <b>0.75</b>, ET <b>1.00</b>." in page
    assert '<td class="n strong">0.92</td><td class="n strong">0.50</td><td class="n strong">1.00</td>' in "".join(
        page.splitlines()
    )
    assert "<b>2</b> subjects" in page and "1.3 ml" in page and "1.1 ml" in page
    assert '<a href="S2/S2_seg.nii.gz">four</a>' in page and '<a href="../one/S2/S2_seg.nii.gz">one</a>' in page
    assert 'href="../one/report.html">Report of one' in page and "Report of four" not in page
    assert page.count("<figure") == 2 * 2 * 2 * 3  # subjects, sequences, folders, planes
    assert not (first / "report.html").exists() and not (first / "report").exists()


def test_one_bad_label_map_or_missing_scans_do_not_stop_the_others(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        for name in ("S1", "S2"):
            save_label_map(folder, name)
    save_label_map(first, "S3")
    (second / "S1" / "S1_seg.nii.gz").write_bytes(b"no NIfTI")
    page = _page(tmp_path, first, second)
    assert "S1_seg.nii.gz cannot be read as NIfTI" in page and "<b>1</b> could not be compared." in page
    assert "No picture: no scan of this subject was found" in page and "Only in a: S3." in page


def test_hostile_names_are_escaped(tmp_path):
    odd = "<img src=x onerror=alert(1)>&\"'"
    first, second = tmp_path / "<u>a", tmp_path / "<u>b"
    for folder in (first, second):
        save_label_map_with_record(folder, odd, networks=[{"file": "<s>.pt"}])
    save_label_map(first, "<u>c")
    page = _page(tmp_path, first, second)
    for tag in ("<img", "<u>", "<s>"):
        assert tag not in page
    assert page.count("<h3>&lt;img src=x onerror=alert(1)&gt;&amp;&#34;&#39;</h3>") == 1


def test_an_option_for_one_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="--expected is for the report of one folder"):
        main([str(tmp_path), "--beside", str(tmp_path), "--expected", "table.json"])

# SPDX-License-Identifier: Apache-2.0
"""cases.csv is read whatever its version, and summary.json holds its means, counts and paired differences."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.evaluation.summary import (
    COLUMNS,
    ENTROPY,
    REQUIRED,
    append_cases,
    main,
    read_cases,
    summarise,
    write_cases,
    write_summary,
)
from tiny import ROOT

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")


def _row(subject, network, region, dice, hd95_mm=2.0, true_ml=10.0, predicted_ml=9.0, empty=""):
    values = (subject, network, "t1ce+flair", region, dice, hd95_mm, true_ml, predicted_ml, empty, dice, hd95_mm, NAN)
    return dict(zip(COLUMNS, (*values, subject), strict=True))


def _cases() -> pd.DataFrame:
    """Two subjects; the student is .1 and .3 below the teacher everywhere; ET of the second is empty in the truth."""
    rows = []
    for subject, teacher, loss in (("00006", 0.9, 0.1), ("NA", 0.8, 0.3)):
        for network, dice in (("teacher", teacher), ("student", teacher - loss)):
            rows += [_row(subject, network, region, dice) for region in ("tc", "wt")]
            empty = {"hd95_mm": NAN, "true_ml": 0.0, "empty": "truth"} if subject == "NA" else {}
            rows.append(_row(subject, network, "et", 0.0 if empty else dice, **empty))
    return pd.DataFrame(rows)


def test_rows_are_added_to_a_table_as_if_it_were_written_at_once(tmp_path):
    rows = _cases().to_dict("records")
    for start in range(0, len(rows), 6):
        append_cases(tmp_path / "new" / "grown.csv", rows[start : start + 6])
    write_cases(tmp_path / "whole.csv", rows)
    assert (tmp_path / "new" / "grown.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_full_disk_while_rows_are_added_is_told(tmp_path, monkeypatch):
    append_cases(tmp_path / "cases.csv", _cases().to_dict("records")[:6])
    before = (tmp_path / "cases.csv").read_bytes()

    def full(self, *arguments, **options):
        with open(self, "a") as file:
            file.write("half of a r")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(UserError, match=r"cases.csv cannot be written \(No space left on device\)"):
        append_cases(tmp_path / "cases.csv", _cases().to_dict("records")[6:])
    monkeypatch.undo()
    assert (tmp_path / "cases.csv").read_bytes() == before


def test_cases_come_back_as_they_were_written(tmp_path):
    write_cases(tmp_path / "new" / "cases.csv", _cases())
    back = read_cases(tmp_path / "new" / "cases.csv")
    assert back.subject.unique().tolist() == ["00006", "NA"]
    assert back["empty"].tolist() == _cases()["empty"].tolist()
    pd.testing.assert_frame_equal(back, _cases(), check_dtype=False)


def test_a_write_that_is_interrupted_leaves_the_old_cases(tmp_path, monkeypatch):
    path = tmp_path / "cases.csv"
    write_cases(path, _cases())
    before = path.read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_cases(path, [])
    assert path.read_bytes() == before


def test_a_file_that_is_no_cases_table_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="cases.csv does not exist: run `evaluating`"):
        read_cases(tmp_path / "cases.csv")
    (tmp_path / "cases.csv").write_text("subject,dice\na,0.5\n")
    with pytest.raises(UserError, match="lacks the columns network"):
        read_cases(tmp_path / "cases.csv")


def test_summary_has_means_and_counts_per_network_and_region():
    result = summarise(_cases())
    teacher = result["networks"]["teacher"]
    assert result["subjects"] == 2
    assert list(result["networks"]) == ["teacher", "student"]
    assert teacher["sequences"] == "t1ce+flair"
    assert teacher["regions"]["tc"]["dice"]["mean"] == pytest.approx(0.85)
    assert teacher["regions"]["tc"]["dice"]["interval"] == pytest.approx([0.8, 0.9])
    assert teacher["regions"]["et"]["dice"]["mean"] == pytest.approx(0.45)  # (.9 + 0) / 2
    # of the subjects' means over regions: ((.9 + .9 + .9) / 3 + (.8 + .8 + 0) / 3) / 2
    assert teacher["regions"]["mean"]["dice"]["mean"] == pytest.approx((0.9 + 1.6 / 3) / 2)


def test_undefined_and_empty_ones_are_counted():
    et = summarise(_cases())["networks"]["student"]["regions"]["et"]
    assert (et["hd95_mm"]["n"], et["hd95_mm"]["undefined"], et["hd95_mm"]["mean"]) == (1, 1, 2)
    assert et["empty"] == {"both": 0, "truth": 1, "prediction": 0}
    assert et["predicted_minus_true_ml"]["mean"] == pytest.approx(4)  # (9 - 10) and (9 - 0)


def test_student_minus_teacher_is_paired_by_subject():
    # in whatever order the rows come
    difference = summarise(_cases().sample(frac=1, random_state=0))["student_minus_teacher"]
    assert difference["wt"]["dice"]["mean"] == pytest.approx(-0.2)
    assert difference["wt"]["dice"]["interval"] == pytest.approx([-0.3, -0.1])
    assert difference["et"]["dice"]["mean"] == pytest.approx(-0.05)  # -.1 and 0
    assert difference["et"]["hd95_mm"]["undefined"] == 1
    assert set(difference) == {"tc", "wt", "et", "mean"}


def test_the_order_of_rows_does_not_matter():
    cases = pd.DataFrame([_row(str(k), "student", r, k / 20) for k in range(15) for r in ("tc", "wt", "et")])
    assert _text(summarise(cases)) == _text(summarise(cases[::-1]))


def _text(value) -> str:
    return json.dumps(value, sort_keys=True)


def test_one_network_alone_has_no_difference():
    cases = _cases()
    assert "student_minus_teacher" not in summarise(cases[cases.network == "student"])


def test_a_subject_that_comes_twice_is_refused():
    with pytest.raises(UserError, match="Subject 00006 is in the cases twice"):
        summarise(pd.concat([_cases(), _cases()[:1]]))


def test_no_case_is_refused():
    with pytest.raises(UserError, match="no evaluated cases"):
        summarise(_cases()[:0])


def test_summary_file_is_strict_json_with_rules_and_settings(tmp_path):
    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    write_summary(tmp_path / "summary.json", _cases(), {"spacing": 2.0, "checkpoint": tmp_path}, resamples=500)
    content = json.loads((tmp_path / "summary.json").read_text(), parse_constant=refuse)
    assert content["settings"] == {"spacing": 2.0, "checkpoint": str(tmp_path)}
    assert content["bootstrap"]["resamples"] == 500
    assert "Both empty: 1" in content["rules"]["dice"]
    et = content["networks"]["student"]["regions"]["et"]["hd95_mm"]
    assert et["interval"] == [None, None] and et["std"] is None  # one defined value has no spread


def test_the_command_makes_summary_and_figure_anew_and_keeps_the_settings(tmp_path):
    write_cases(tmp_path / "cases.csv", _cases())
    write_summary(tmp_path / "summary.json", read_cases(tmp_path / "cases.csv"), {"seed": 3})
    before = (tmp_path / "summary.json").read_bytes()
    main([str(tmp_path / "cases.csv")])
    assert (tmp_path / "summary.json").read_bytes() == before
    assert (tmp_path / "evaluation.png").stat().st_size > 10_000
    (tmp_path / "summary.json").unlink()
    main([str(tmp_path / "cases.csv")])
    assert json.loads((tmp_path / "summary.json").read_text())["settings"] == {}


def test_entropy_is_kept(tmp_path):
    write_cases(tmp_path / "cases.csv", _cases().assign(**{ENTROPY: 0.125}))
    assert (read_cases(tmp_path / "cases.csv")[ENTROPY] == 0.125).all()


def test_stored_results_are_read():
    cases = read_cases(ROOT / "docs" / "results" / "simulated.csv")
    assert list(cases) == list(COLUMNS) and cases.dice.notna().all()
    means = cases[cases.region == "wt"].groupby("network").dice.mean()
    assert means["flair"] == pytest.approx(summarise(cases)["networks"]["flair"]["regions"]["wt"]["dice"]["mean"])


def test_a_table_with_the_required_columns_alone_is_read_and_the_others_are_undefined(tmp_path):
    _cases()[list(REQUIRED)].to_csv(tmp_path / "old.csv", index=False)
    cases = read_cases(tmp_path / "old.csv")
    assert list(cases) == list(COLUMNS) and cases.drop(columns=[*REQUIRED, "patient"]).isna().all(axis=None)
    write_summary(tmp_path / "summary.json", cases)
    et = json.loads((tmp_path / "summary.json").read_text())["networks"]["teacher"]["regions"]["et"]
    assert et["dice"]["mean"] == pytest.approx(0.45) and et["hd95_mm"]["mean"] is None
    assert et["empty"] == {"both": None, "truth": None, "prediction": None}


def test_columns_of_a_later_version_are_kept(tmp_path):
    later = _cases().assign(surface_dice=[0.5, NAN] * 6, site="A")
    write_cases(tmp_path / "later.csv", later)
    cases = read_cases(tmp_path / "later.csv")
    assert list(cases) == [*COLUMNS, "surface_dice", "site"]
    pd.testing.assert_frame_equal(cases, later, check_dtype=False)
    assert _text(summarise(cases)) == _text(summarise(_cases()))


def test_statistics_do_not_need_matplotlib():
    # MONAI imports matplotlib where it is installed, so it is hidden here
    program = "import sys; sys.modules['matplotlib'] = None; "
    program += "import scripts.common.metrics, scripts.evaluation.bootstrap, scripts.evaluation.summary; "
    program += "assert 'scripts.evaluation.figures' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)


HEAD = "subject,network,sequences,region,dice\n"


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is not a table"),
        (b"\x1f\x8b\xff\xfe", "is not a table"),
        ((HEAD + "S1,student,t1,wt,good\n").encode(), "is damaged"),
        ((HEAD + "S1,student,t1,xx,0.5\n").encode(), "has the region 'xx'"),
        ((HEAD + "S1,student,t1,wt,7\n").encode(), "has a Dice of 7"),
    ],
)
def test_a_table_with_impossible_content_is_refused_by_name(tmp_path, content, reason):
    (tmp_path / "cases.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"cases.csv {reason}"):
        read_cases(tmp_path / "cases.csv")


@pytest.mark.parametrize("content", ["{", "[]", "no JSON", '{"my": "notes"}'])
def test_a_file_that_is_no_summary_is_not_replaced(tmp_path, content):
    write_cases(tmp_path / "cases.csv", _cases())
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(UserError, match="summary.json is not the summary of an evaluation: move it away"):
        main([str(tmp_path / "cases.csv")])
    assert (tmp_path / "summary.json").read_text() == content


def test_a_missing_patient_is_the_one_of_the_subjects_name(tmp_path):
    rows = [_row(subject, "student", "wt", 0.5) for subject in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "mine")]
    write_cases(tmp_path / "cases.csv", rows)
    pd.read_csv(tmp_path / "cases.csv", dtype=str).drop(columns="patient").to_csv(tmp_path / "old.csv", index=False)
    assert read_cases(tmp_path / "old.csv").patient.tolist() == ["BraTS-GLI-00005", "BraTS-GLI-00005", "mine"]
    assert read_cases(tmp_path / "cases.csv").patient.tolist()[0] == "BraTS-GLI-00005-000"  # as it was written


def test_intervals_of_a_summary_are_over_patients():
    cases = pd.concat([_cases(), _cases().assign(subject=lambda rows: rows.subject + "_later")])
    summary = summarise(cases)
    assert (summary["subjects"], summary["patients"]) == (4, 2)
    # patients 00006 and NA with .9 and .8, each twice: as if once
    assert summary["networks"]["teacher"]["regions"]["wt"]["dice"]["interval"] == pytest.approx([0.8, 0.9])
    assert summary["student_minus_teacher"]["wt"]["dice"]["wilcoxon_p"] == 0.5  # the least of two patients

# SPDX-License-Identifier: Apache-2.0
"""What the handlers write while an engine runs."""

import shutil
import threading
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from scripts.common.label_map_state import sha256_of
from scripts.evaluation.summary import write_cases
from scripts.inference.table import write_table
from scripts.report.__main__ import main
from scripts.report.drawing import draw_subject
from scripts.report.handlers import ForgetReport, ReportEvaluation, ReportSegmentations
from scripts.report.parts import part_path, write_part
from scripts.report.run_info import write_run

from tests.report.helpers import (
    AFFINE,
    SHAPE,
    change_label_map,
    engine,
    parts_of,
    save_label_map,
    save_label_map_with_record,
    save_scans,
)


def _finish(handler, out, failures=None) -> None:
    """End a run: the handler of the table comes first."""
    write_table(out, failures or {})
    handler.finish(engine(failures=failures))


def test_each_subject_has_a_part_as_soon_as_it_is_done_and_the_page_comes_at_the_end(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    save_label_map_with_record(out, "S1")
    handler = ReportSegmentations(out, [item, {"subject": "S2"}], facts={"mirror": True})
    handler.start(engine())
    handler.add_subjects(engine([{"subject": "S1"}], [{}]))
    assert set(parts_of(out)) == {"S1"} and not (out / "report.html").exists()
    failures = {"S2": "S2: no flair file was found: add it."}
    handler.add_subjects(engine(output=[], failures=failures))
    assert parts_of(out)["S2"]["failed"].startswith("S2: no flair file")
    _finish(handler, out, failures)
    page = (out / "report.html").read_text()
    assert "no flair file was found: add it." in page and "<h3>S1</h3>" in page and "mirror" in page


def test_drawing_in_a_thread_gives_the_same_page(tmp_path, monkeypatch):
    threads = set()

    def keep(*arguments, **options):
        threads.add(threading.current_thread())
        draw_subject(*arguments, **options)

    monkeypatch.setattr("scripts.report.handlers.draw_subject", keep)
    items = [save_scans(tmp_path / "scans", name) for name in ("S1", "S2", "S3")]
    pages = {}
    for behind in (0, 2):
        out = tmp_path / str(behind)
        handler = ReportSegmentations(out, items, behind=behind)
        handler.start(engine())
        for item in items:
            save_label_map_with_record(out, item["subject"])
            handler.add_subjects(engine([item], [{}]))
        _finish(handler, out)
        pages[behind] = (out / "report.html").read_bytes()
    assert pages[0] == pages[2] and pages[0].count(b"<h3>S") == 3
    assert len(threads) == 2 and threading.main_thread() in threads


def test_an_error_while_drawing_in_a_thread_is_raised_in_the_run(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scripts.report.handlers.draw_subject", full)
    handler = ReportSegmentations(tmp_path, [{"subject": "S1"}], behind=2)
    handler.start(engine())
    handler.add_subjects(engine([{"subject": "S1"}], [{}]))
    with pytest.raises(OSError, match="No space left on device"):
        handler.finish(engine())


@pytest.mark.parametrize("behind", [0, 2])
def test_a_label_map_that_cannot_be_drawn_costs_no_report(tmp_path, behind):
    out, items = tmp_path / "out", [save_scans(tmp_path / "scans", name) for name in ("S1", "S2")]
    for name in ("S1", "S2"):
        save_label_map_with_record(out, name)
    change_label_map(out / "S1" / "S1_seg.nii.gz", lambda label: label + 7)
    handler = ReportSegmentations(out, items, behind=behind)
    handler.start(engine())
    handler.add_subjects(engine(items, [{}, {}]))
    _finish(handler, out)
    page = (out / "report.html").read_text()
    assert "<li><b>S1</b>: " in page and "unknown label value 7" in page and "<h3>S2</h3>" in page


def test_label_maps_of_paediatric_subjects_are_drawn_as_they_were_recorded(tmp_path):
    name = "BraTS-PED-00001-000"
    item = save_scans(tmp_path / "scans", name) | {"label_convention": "brats2023"}
    save_label_map_with_record(tmp_path / "out", name, settings={"label_convention": "brats"})
    handler = ReportSegmentations(tmp_path / "out", [item])
    handler.start(engine())
    handler.add_subjects(engine([item], [{}]))
    _finish(handler, tmp_path / "out")
    assert "<b>1</b> of 1 subjects were segmented." in (tmp_path / "out" / "report.html").read_text()
    # 50 voxels of 4, .002 ml each
    assert parts_of(tmp_path / "out")[name]["volumes_ml"]["et"] == pytest.approx(0.1)


def test_a_failure_is_kept_while_other_subjects_are_segmented_and_as_long_as_the_table_has_it(tmp_path):
    out = tmp_path / "out"
    first = ReportSegmentations(out, [{"subject": "BAD"}])
    first.start(engine())
    _finish(first, out, {"BAD": "BAD: bad."})
    item = save_scans(tmp_path / "scans", "S1")
    save_label_map_with_record(out, "S1")
    for in_table in ({"BAD": "BAD: bad."}, {}):  # `WriteTable` keeps the failure as long as the table is there
        second = ReportSegmentations(out, [item])
        second.start(engine())
        second.add_subjects(engine([item], [{}]))
        assert "BAD" in parts_of(out)
        write_table(out, in_table)
        second.finish(engine())
        assert ("BAD" in parts_of(out)) == bool(in_table)
        assert ("<li><b>BAD</b>: bad.</li>" in (out / "report.html").read_text()) == bool(in_table)


def test_failures_of_a_killed_run_are_told_and_those_it_has_put_right_are_not(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    first = ReportSegmentations(out, [item])
    first.start(engine())
    _finish(first, out, {"S1": "S1: bad."})
    killed = ReportSegmentations(out, [item, {"subject": "S2"}], behind=2)
    killed.start(engine())
    save_label_map_with_record(out, "S1")  # and killed before it was drawn
    killed.add_subjects(engine(failures={"S2": "S2: bad, too."}))
    main([str(out)])
    page = (out / "report.html").read_text()
    assert "<b>1</b> of 2 subjects were segmented; <b>1</b> failed." in page
    assert "S2</b>: bad, too." in page and ": bad." not in page


def test_a_second_run_keeps_finished_subjects_and_drops_failures_that_are_gone(tmp_path):
    out = tmp_path / "out"
    save_label_map(out, "S1")
    for failures in ({"S2": "S2: broken."}, {}):
        handler = ReportSegmentations(out, [save_scans(tmp_path / str(len(failures)), "S1")])
        handler.start(engine())
        if failures:
            handler.add_subjects(engine([{"subject": "S1"}], [{}]))
        _finish(handler, out, failures)
    assert set(parts_of(out)) == {"S1"}


def test_the_next_run_draws_label_maps_of_a_killed_one(tmp_path):
    out = tmp_path / "out"
    items = [save_scans(tmp_path / "scans", name) for name in ("S1", "S2", "S3")]
    killed = ReportSegmentations(out, items, behind=2)
    killed.start(engine())
    for name in ("S1", "S2"):
        save_label_map_with_record(out, name)
    save_label_map(out, "S9")  # from elsewhere: no subject of the run
    going_on = ReportSegmentations(out, items[2:])  # --existing skip leaves S1 and S2 out
    going_on.start(engine())
    save_label_map_with_record(out, "S3")
    going_on.add_subjects(engine(items[2:], [{}]))
    _finish(going_on, out)
    page = (out / "report.html").read_text()
    assert "<b>3</b> of 3 subjects were segmented." in page
    assert page.count('<figure class="axial"') == 3 * 2 and "No picture" not in page


def test_a_subject_that_fails_again_keeps_the_picture_of_its_earlier_label_map(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    save_label_map_with_record(out, "S1")
    for failures in ({}, {"S1": "S1: x.nii.gz is empty."}):
        handler = ReportSegmentations(out, [item])
        handler.start(engine())
        _finish(handler, out, failures)
        Path(item["t1ce"]).write_bytes(b"broken")
    sentence = "S1: x.nii.gz is empty. The label map in the folder is of an earlier run."
    page = (out / "report.html").read_text()
    main([str(out)])
    assert (out / "report.html").read_text() == page and parts_of(out)["S1"]["failed"] == sentence
    assert "<b>0</b> of 1 subjects were segmented; <b>1</b> failed." in page
    assert page.count('<figure class="axial"') == 2 and "<b>Failed in the latest run:</b> x.nii.gz is empty" in page
    assert "<b>1.3 ml</b>" in page and "No warning." not in page


def test_a_failure_of_an_earlier_run_is_gone_after_a_good_one(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    save_label_map_with_record(out, "S1")
    for failures in ({"S1": "S1: bad."}, {}):
        handler = ReportSegmentations(out, [item])
        handler.start(engine())
        _finish(handler, out, failures)
        assert ("bad." in (out / "report.html").read_text()) == bool(failures)
    assert "<figure" in (out / "report.html").read_text()


def test_a_record_whose_label_map_was_not_saved_is_not_done(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    old = sha256_of(save_label_map_with_record(out, "S1"))
    save_label_map_with_record(out, "S1", label_map_sha256="of a new map", replaced_sha256=old)
    handler = ReportSegmentations(out, [item])
    handler.start(engine())
    _finish(handler, out)
    page = (out / "report.html").read_text()
    assert "<figure" not in page and "a run was stopped before it saved the label map" in page


def test_the_command_makes_table_and_report_again(tmp_path):
    save_label_map_with_record(tmp_path, "S1")
    save_label_map_with_record(tmp_path, "S2")
    write_table(tmp_path, {"S2": "S2: bad.", "S3": "S3: bad."})
    before = (tmp_path / "segmentations.csv").read_text()
    main([str(tmp_path)])
    assert (tmp_path / "segmentations.csv").read_text() == before
    page = (tmp_path / "report.html").read_text()
    assert "<b>1</b> of 3 subjects were segmented; <b>2</b> failed." in page and page.count("<h3>") == 2
    (tmp_path / "segmentations.csv").unlink()
    main([str(tmp_path)])
    assert (tmp_path / "segmentations.csv").read_text() == before


@pytest.mark.parametrize("file", ["expected.json", "report/run.json", "full disk"])
def test_what_spoils_the_report_does_not_end_the_run(tmp_path, caplog, monkeypatch, file):
    save_label_map_with_record(tmp_path, "S1")
    (tmp_path / "report").mkdir()
    (tmp_path / file).write_text('{"scans": 5}')
    running = Engine(lambda engine, batch: None)
    running.failures = {}
    if file == "full disk":

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
    ReportSegmentations(tmp_path, [{"subject": "S1"}], expected=tmp_path / "expected.json").attach(running)
    running.run([1])
    (message,) = [record.getMessage() for record in caplog.records if record.name == "scripts.report.handlers"]
    assert message.startswith("The report was not finished: ") and not (tmp_path / "report.html").exists()
    assert {"full disk": "No space left on device"}.get(file, file) in message


def test_an_edited_label_map_is_drawn_again_and_flagged(tmp_path):
    out, item = tmp_path / "out", save_scans(tmp_path / "scans", "S1")
    save_label_map_with_record(out, "S1")
    handler = ReportSegmentations(out, [item])
    handler.start(engine())
    handler.add_subjects(engine([item], [{}]))
    _finish(handler, out)
    assert "No warning." in (out / "report.html").read_text()
    # without the 100 voxels of core, 550 of .002 ml are left
    change_label_map(out / "S1" / "S1_seg.nii.gz", lambda label: label * (label != 1))
    main([str(out)])
    page = (out / "report.html").read_text()
    assert (
        "The label map was edited after inference: S1_seg.json recorded WT 1.3 ml (now 1.1 ml), TC 0.3 ml (now 0.1 ml).</p>"
        in page
    )
    assert "No warning." not in page and "<b>1</b> with a warning" in page and "<b>1.1 ml</b>" in page
    assert "<figure" in page and parts_of(out)["S1"]["volumes_ml"]["wt"] == pytest.approx(1.1)


def test_an_evaluation_draws_truth_and_networks_on_all_their_sequences(tmp_path):
    maps = MetaTensor(torch.zeros(3, *SHAPE), affine=torch.from_numpy(AFFINE))
    maps[:, 5:10, 5:10, 5:10] = 1
    networks = {"teacher": ["t1", "t1ce", "t2", "flair"], "student": ["flair", "t1ce"]}
    handler = ReportEvaluation(tmp_path, [save_scans(tmp_path / "scans", "S1")], networks, {"spacing": 2.0}, slices=2)
    handler.start(engine())
    handler.add_subjects(engine([{"subject": "S1", "label": maps}], [{"teacher": maps, "student": maps}]))
    part = part_path(tmp_path / "report", "S1").read_text()
    assert part.count("<h4>") == 4 and part.count("not seen by student") == 2
    assert part.count('max="1"') == 3  # the sliders of two slices
    assert part.count('class="net net0"') == part.count('class="net net1"') == part.count('class="truth"') == 3
    row = {"dice": 1, "hd95_mm": 0, "true_ml": 1, "predicted_ml": 1, "empty": "", "dice_cleaned": 1}
    cases = [
        {"subject": "S1", "network": n, "sequences": "+".join(s), "region": r, "hd95_mm_cleaned": 0} | row
        for n, s in networks.items()
        for r in ("tc", "wt", "et")
    ]
    write_cases(tmp_path / "cases.csv", cases)
    handler.finish(engine(failures={"S2": "S2: holds the label 7."}))
    page = (tmp_path / "report.html").read_text()
    assert "Not evaluated" in page and "holds the label 7." in page and "spacing" in page


def _evaluation(folder, subjects=()) -> ReportEvaluation:
    networks = {"student": ["t1ce", "flair"]}
    handler = ReportEvaluation(folder, subjects, networks)
    handler.start(engine())
    return handler


def test_an_inference_into_the_folder_of_an_evaluation_renames_its_page(tmp_path, caplog):
    handler = _evaluation(tmp_path)
    write_part(tmp_path / "report", {"subject": "was_evaluated"}, "the picture of a subject that was evaluated")
    handler.finish(engine(failures={"had_failed": "had_failed: bad."}))
    evaluated = (tmp_path / "report.html").read_bytes()
    save_label_map_with_record(tmp_path, "S1")
    handler = ReportSegmentations(tmp_path, [save_scans(tmp_path / "scans", "S1")])
    handler.start(engine())
    handler.add_subjects(engine([{"subject": "S1"}], [{}]))
    _finish(handler, tmp_path)
    # base64, in which pictures are, has no underscore
    page = (tmp_path / "report.html").read_text()
    assert "<b>1</b> of 1 subjects were segmented." in page and not any(
        name in page for name in ("had_failed", "was_evaluated")
    )
    assert (tmp_path / "report_evaluation.html").read_bytes() == evaluated
    assert "it is kept as report_evaluation.html" in caplog.text


def test_a_page_that_no_run_has_made_is_kept_under_another_name(tmp_path, caplog):
    (tmp_path / "report.html").write_text("mine")
    for _ in range(2):
        ReportSegmentations(tmp_path, []).start(engine())
        assert (tmp_path / "report_other.html").read_text() == "mine" and not (tmp_path / "report.html").exists()
    assert caplog.text.count("it is kept as report_other.html") == 1
    shutil.rmtree(tmp_path / "report")
    (tmp_path / "report.html").write_text("mine, too")
    ReportSegmentations(tmp_path, []).start(engine())
    kept = {path.name: path.read_text() for path in tmp_path.glob("report_*.html")}
    assert kept == {"report_other.html": "mine", "report_other_2.html": "mine, too"}


def test_an_evaluation_in_which_every_subject_failed_has_a_page(tmp_path):
    save_label_map_with_record(tmp_path, "S1")
    main([str(tmp_path)])
    handler = _evaluation(tmp_path)
    handler.finish(engine(failures={"S2": "S2: bad.", "S3": "S3: bad too."}))
    page = (tmp_path / "report.html").read_text()
    assert "<b>No</b> subject was evaluated. <b>2</b> failed." in page
    assert "<li><b>S3</b>: bad too.</li>" in page and "S1" not in page
    assert "<h3>S1</h3>" in (tmp_path / "report_inference.html").read_text()


def test_an_evaluation_without_a_report_removes_that_of_an_earlier_one(tmp_path, caplog):
    evaluator = Engine(lambda engine, batch: None)
    ForgetReport(tmp_path).attach(evaluator)
    evaluator.run([0])  # nothing is there
    write_run(tmp_path, "evaluation", {"ckpt_dir": "old"})
    write_part(tmp_path / "report", {"subject": "S1"}, "picture")
    (tmp_path / "report.html").write_text("old")
    evaluator.run([0])
    assert not parts_of(tmp_path) and not list(tmp_path.glob("**/*.*"))
    assert "holds the report of an earlier evaluation, which is removed" in caplog.text
    write_run(tmp_path, "inference", {})
    (tmp_path / "report.html").write_text("of an inference")
    evaluator.run([0])
    assert (tmp_path / "report.html").is_file() and (tmp_path / "report" / "run.json").is_file()

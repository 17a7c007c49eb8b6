# SPDX-License-Identifier: Apache-2.0
"""What the handlers keep of each subject of an engine, and how label maps on disk are drawn."""

import json
import threading
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from scripts.common.errors import ScanError, UserError
from scripts.evaluation.summary import write_cases
from scripts.report.__main__ import main
from scripts.report.drawing import keep_segmented
from scripts.report.handlers import ReportEvaluation, ReportSegmentations
from scripts.report.parts import part_path, read_records, write_part
from scripts.report.run import read_run

SHAPE = (24, 28, 20)
AFFINE = np.diag([-1.0, -1, 2, 1])  # voxels of .002 ml


def _scans(folder, subject, sequences=("t1", "t1ce", "t2", "flair")) -> dict:
    """A subject on disk, as a datalist item."""
    image = np.zeros(SHAPE, dtype=np.int16)
    image[3:-3, 3:-3, 3:-3] = np.random.default_rng(0).integers(100, 200, [size - 6 for size in SHAPE])
    (folder / subject).mkdir(parents=True)
    item = {"subject": subject}
    for sequence in sequences:
        item[sequence] = str(folder / subject / f"{subject}_{sequence}.nii.gz")
        nib.save(nib.Nifti1Image(image, AFFINE), item[sequence])
    return item


def _label_map(folder, subject, enhancing=4) -> None:
    """500 voxels of oedema, 100 of core, 50 enhancing."""
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[5:15, 5:15, 5:10] = 2
    label[5:15, 5:15, 10] = 1
    label[5:15, 5:10, 11] = enhancing
    (folder / subject).mkdir(parents=True)
    nib.save(nib.Nifti1Image(label, AFFINE), folder / subject / f"{subject}_seg.nii.gz")


def _written(folder, subject, **more) -> None:
    """A label map with its record, as inference leaves them."""
    _label_map(folder, subject)
    record = {"subject": subject, "flags": [], "volumes_ml": {"wt": 1.3, "tc": 0.3, "et": 0.1}}
    record |= {"sequences": ["t1ce", "flair"], "networks": [{"file": "models/model.pt"}]} | more
    (folder / subject / f"{subject}_seg.json").write_text(json.dumps(record))


def _change(path, change) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(change(np.asarray(image.dataobj).copy()), image.affine), path)


def _add_a_seven(label):
    label[0, 0, 0] = 7
    return label


def _engine(batch=(), output=(), failures=None) -> SimpleNamespace:
    return SimpleNamespace(state=SimpleNamespace(batch=batch, output=output), failures=failures or {})


def _records(folder) -> dict:
    return {record["subject"]: record for record in read_records(folder / "report")}


@pytest.mark.parametrize("enhancing", [3, 4])
def test_a_label_map_gives_volumes_and_a_picture(tmp_path, enhancing):
    _label_map(tmp_path / "out", "S1", enhancing)
    keep_segmented(tmp_path / "out", _scans(tmp_path / "scans", "S1"), ["flair", "t1ce"], "model.pt")
    record = _records(tmp_path / "out")["S1"]
    assert record["volumes_ml"] == pytest.approx({"tc": 0.3, "wt": 1.3, "et": 0.1})
    assert record["sequences"] == ["t1ce", "flair"] and record["network"] == "model.pt"
    part = part_path(tmp_path / "out" / "report", "S1").read_text()
    assert part.count("<h4>") == 2 and 'class="et"' in part


def test_scans_that_cannot_be_read_cost_the_picture_only(tmp_path):
    _label_map(tmp_path / "out", "S1")
    item = _scans(tmp_path / "scans", "S1") | {"flair": str(tmp_path / "moved.nii.gz")}
    keep_segmented(tmp_path / "out", item, ["t1ce", "flair"])
    record = _records(tmp_path / "out")["S1"]
    assert record["volumes_ml"]["et"] == pytest.approx(0.1) and "moved.nii.gz does not exist" in record["note"]


def test_a_batch_is_kept_as_it_is_done_and_joined_at_its_end(tmp_path):
    out, item = tmp_path / "out", _scans(tmp_path / "scans", "S1")
    _label_map(out, "S1")
    handler = ReportSegmentations(out, [item, {"subject": "S2"}], ["t1ce", "flair"], facts={"mirror": True})
    handler.start(_engine())
    handler.keep(_engine([{"subject": "S1"}], [{}]))
    assert set(_records(out)) == {"S1"} and not (out / "report.html").exists()
    failing = _engine(output=[], failures={"S2": "S2: no flair file was found: add it."})
    handler.keep(failing)
    assert _records(out)["S2"]["failed"].startswith("S2: no flair file")
    handler.finish(failing)
    page = (out / "report.html").read_text()
    assert "no flair file was found: add it." in page and "<h3>S1</h3>" in page and "mirror" in page


def test_pictures_drawn_behind_are_those_drawn_at_once_and_the_page_waits_for_them(tmp_path, monkeypatch):
    threads = set()

    def keep(*arguments):
        threads.add(threading.current_thread())
        keep_segmented(*arguments)

    monkeypatch.setattr("scripts.report.handlers.keep_segmented", keep)
    items = [_scans(tmp_path / "scans", name) for name in ("S1", "S2", "S3")]
    pages = {}
    for behind in (0, 2):
        out = tmp_path / str(behind)
        handler = ReportSegmentations(out, items, ["t1ce", "flair"], behind=behind)
        handler.start(_engine())
        for item in items:
            _label_map(out, item["subject"])
            handler.keep(_engine([item], [{}]))
        handler.finish(_engine())
        pages[behind] = (out / "report.html").read_bytes()
    assert pages[0] == pages[2] and pages[0].count(b"<h3>S") == 3
    assert len(threads) == 2 and threading.main_thread() in threads


def test_what_goes_wrong_while_drawing_behind_ends_the_run(tmp_path):
    handler = ReportSegmentations(tmp_path, [{"subject": "S1"}], behind=2)
    handler.start(_engine())
    handler.keep(_engine([{"subject": "S1"}], [{}]))
    with pytest.raises(ScanError, match="S1: the label map .* cannot be read"):
        handler.finish(_engine())


def test_a_second_run_tries_the_failed_anew_and_keeps_the_done(tmp_path):
    out = tmp_path / "out"
    _label_map(out, "S1")
    for failures in ({"S2": "S2: broken."}, {}):
        handler = ReportSegmentations(out, [_scans(tmp_path / str(len(failures)), "S1")])
        handler.start(_engine())
        if failures:
            handler.keep(_engine([{"subject": "S1"}], [{}]))
        handler.finish(_engine(failures=failures))
    assert set(_records(out)) == {"S1"}


def test_an_evaluation_draws_truth_and_networks_on_all_their_sequences(tmp_path):
    maps = MetaTensor(torch.zeros(3, *SHAPE), affine=torch.from_numpy(AFFINE))
    maps[:, 5:10, 5:10, 5:10] = 1
    networks = {"teacher": ["t1", "t1ce", "t2", "flair"], "student": ["flair", "t1ce"]}
    handler = ReportEvaluation(tmp_path, [_scans(tmp_path / "scans", "S1")], networks, {"spacing": 2.0})
    handler.start(_engine())
    handler.keep(_engine([{"subject": "S1", "label": maps}], [{"teacher": maps, "student": maps}]))
    part = part_path(tmp_path / "report", "S1").read_text()
    assert part.count("<h4>") == 4 and part.count("not seen by student") == 2
    assert part.count('class="net net0"') == part.count('class="net net1"') == part.count('class="truth"') == 3
    row = {"dice": 1, "hd95_mm": 0, "true_ml": 1, "predicted_ml": 1, "empty": "", "dice_cleaned": 1}
    cases = [
        {"subject": "S1", "network": n, "sequences": "+".join(s), "region": r, "hd95_mm_cleaned": 0} | row
        for n, s in networks.items()
        for r in ("tc", "wt", "et")
    ]
    write_cases(tmp_path / "cases.csv", cases)
    handler.finish(_engine(failures={"S2": "S2: holds the label 7."}))
    page = (tmp_path / "report.html").read_text()
    assert "Not evaluated" in page and "holds the label 7." in page and "spacing" in page


def test_label_maps_without_a_report_are_drawn_from_the_command_line(tmp_path):
    _scans(tmp_path / "scans", "S1", ("t1ce", "flair"))
    _label_map(tmp_path / "out", "S1")
    _label_map(tmp_path / "out", "S2")  # its scans are gone
    main([str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")])
    records = _records(tmp_path / "out")
    assert records["S1"]["sequences"] == ["t1ce", "flair"] and "note" not in records["S1"]
    assert "No picture" in records["S2"]["note"]
    assert "<h3>S2</h3>" in (tmp_path / "out" / "report.html").read_text()


def test_volumes_are_those_drawn_and_another_record_is_a_warning(tmp_path):
    out, item = tmp_path / "out", _scans(tmp_path / "scans", "S1")
    _written(out, "S1")
    handler = ReportSegmentations(out, [item])
    handler.start(_engine())
    handler.keep(_engine([item], [{}]))
    handler.finish(_engine())
    assert "No warning." in (out / "report.html").read_text()
    # without the 100 voxels of core, 550 of .002 ml are left
    _change(out / "S1" / "S1_seg.nii.gz", lambda label: label * (label != 1))
    main([str(out)])
    page = (out / "report.html").read_text()
    assert "S1_seg.json says WT 1.3 ml where 1.1 ml are drawn, TC 0.3 ml where 0.1 ml are drawn.</p>" in page
    assert "No warning." not in page and "<b>1</b> with a warning" in page and "<b>1.1 ml</b>" in page
    assert "<figure" in page and _records(out)["S1"]["volumes_ml"]["wt"] == pytest.approx(1.1)


def test_rounding_in_the_record_is_no_warning(tmp_path):
    _written(tmp_path, "S1", volumes_ml={"wt": 1.3004, "tc": 0.2996, "et": 0.1})
    main([str(tmp_path)])
    assert "No warning." in (tmp_path / "report.html").read_text()


def test_the_next_run_draws_what_a_killed_one_had_segmented(tmp_path):
    out = tmp_path / "out"
    items = [_scans(tmp_path / "scans", name) for name in ("S1", "S2", "S3")]
    killed = ReportSegmentations(out, items, ["t1ce", "flair"], behind=2)
    killed.start(_engine())
    for name in ("S1", "S2"):
        _written(out, name)
    _label_map(out, "S9")  # from elsewhere: no subject of the run
    going_on = ReportSegmentations(out, items[2:], ["t1ce", "flair"])  # --existing skip leaves S1 and S2 out
    going_on.start(_engine())
    _written(out, "S3")
    going_on.keep(_engine(items[2:], [{}]))
    going_on.finish(_engine())
    page = (out / "report.html").read_text()
    assert "<b>3</b> of 3 subjects were segmented." in page
    assert page.count('<figure class="axial"') == 3 * 2 and "No picture" not in page


def test_a_subject_that_failed_is_not_drawn_from_an_earlier_label_map(tmp_path):
    _written(tmp_path, "S1")
    handler = ReportSegmentations(tmp_path, [{"subject": "S1"}])
    handler.start(_engine())
    handler.finish(_engine(failures={"S1": "S1: x.nii.gz is empty."}))
    assert _records(tmp_path)["S1"]["failed"] == "S1: x.nii.gz is empty."
    main([str(tmp_path)])
    assert _records(tmp_path)["S1"]["failed"] == "S1: x.nii.gz is empty."


def test_a_stopped_run_is_drawn_to_its_end_from_the_command_line(tmp_path):
    out, item = tmp_path / "out", _scans(tmp_path / "scans", "S1")
    ReportSegmentations(out, [item]).start(_engine())
    _written(out, "S1")
    main([str(out)])
    assert (out / "report.html").read_text().count('<figure class="axial"') == 2


def test_one_bad_label_map_is_listed_and_the_others_are_drawn(tmp_path):
    for name in ("S1", "S2"):
        _scans(tmp_path / "scans", name, ("flair",))
        _label_map(tmp_path / "out", name)
    bad = tmp_path / "out" / "S1" / "S1_seg.nii.gz"
    _change(bad, _add_a_seven)
    arguments = [str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")]
    main(arguments)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"<li><b>S1</b>: {bad}: holds the unknown label value 7" in page and "<h3>S2</h3>" in page
    _change(bad, lambda label: label * (label != 7))
    main(arguments)  # put right, it is drawn
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h3>S1</h3>" in page and "unknown label value" not in page


def test_the_numbering_of_label_maps_can_be_named_and_is_remembered(tmp_path):
    _scans(tmp_path / "scans", "S1", ("flair",))
    _label_map(tmp_path / "out", "S1", enhancing=3)
    arguments = [str(tmp_path / "out"), "--dataset_dir", str(tmp_path / "scans")]
    main(arguments)
    assert "say which it is with --label_convention brats2023 or msd" in _records(tmp_path / "out")["S1"]["failed"]
    for more in (["--label_convention", "msd"], []):
        main(arguments + more)
        # 500 voxels of 2, which is the core of MSD, and 50 enhancing ones, of .002 ml each
        assert _records(tmp_path / "out")["S1"]["volumes_ml"] == pytest.approx({"tc": 1.1, "wt": 1.3, "et": 0.1})
    main(arguments + ["--label_convention", "brats2023"])
    assert _records(tmp_path / "out")["S1"]["volumes_ml"]["tc"] == pytest.approx(0.3)
    with pytest.raises(UserError, match="name the scans with --dataset_dir too"):
        main([str(tmp_path / "out"), "--label_convention", "msd"])


def test_a_record_says_how_its_label_map_is_numbered(tmp_path):
    _written(tmp_path, "S1", settings={"label_convention": "brats2023"})
    _change(tmp_path / "S1" / "S1_seg.nii.gz", lambda label: np.where(label == 4, 3, label))
    main([str(tmp_path)])
    assert _records(tmp_path)["S1"]["volumes_ml"] == pytest.approx({"tc": 0.3, "wt": 1.3, "et": 0.1})


def test_a_flipped_label_map_gives_the_same_picture_and_a_shifted_one_none(tmp_path):
    item = _scans(tmp_path / "scans", "S1", ("flair",))
    _label_map(tmp_path, "S1")
    path, parts = tmp_path / "S1" / "S1_seg.nii.gz", []
    image = nib.load(path)
    for turned in (image, image.as_reoriented(np.array([[0, -1], [1, -1], [2, 1]]))):
        nib.save(turned, path)
        keep_segmented(tmp_path, item)
        parts.append(part_path(tmp_path / "report", "S1").read_text().partition("\n")[2])
    assert parts[0] == parts[1] and "<path" in parts[0]
    affine = AFFINE.copy()
    affine[1, 3] += 1
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    keep_segmented(tmp_path, item)
    assert f"{path} lies on another grid than the scans" in _records(tmp_path)["S1"]["note"]


def _evaluation(folder, subjects=()) -> ReportEvaluation:
    networks = {"student": ["t1ce", "flair"]}
    handler = ReportEvaluation(folder, subjects, networks)
    handler.start(_engine())
    return handler


def test_an_inference_into_the_folder_of_an_evaluation_tells_of_itself_and_keeps_the_other_page(tmp_path, caplog):
    handler = _evaluation(tmp_path)
    write_part(tmp_path / "report", {"subject": "S3"}, "the picture of a subject that was evaluated")
    handler.finish(_engine(failures={"S2": "S2: bad."}))
    evaluated = (tmp_path / "report.html").read_bytes()
    _written(tmp_path, "S1")
    handler = ReportSegmentations(tmp_path, [_scans(tmp_path / "scans", "S1")])
    handler.start(_engine())
    handler.keep(_engine([{"subject": "S1"}], [{}]))
    handler.finish(_engine())
    page = (tmp_path / "report.html").read_text()
    assert "<b>1</b> of 1 subjects were segmented." in page and not any(name in page for name in ("S2", "S3"))
    assert (tmp_path / "report_evaluation.html").read_bytes() == evaluated
    assert "it is kept as report_evaluation.html" in caplog.text


def test_an_evaluation_of_which_nothing_came_says_so(tmp_path):
    _written(tmp_path, "S1")
    main([str(tmp_path)])
    handler = _evaluation(tmp_path)
    handler.finish(_engine(failures={"S2": "S2: bad.", "S3": "S3: bad too."}))
    page = (tmp_path / "report.html").read_text()
    assert "<h1>Evaluation of brain tumour segmentation</h1><p><b>No</b> subject was evaluated." in page
    assert "<b>2</b> could not be done." in page and "<li><b>S3</b>: bad too.</li>" in page and "S1" not in page
    assert "<h3>S1</h3>" in (tmp_path / "report_inference.html").read_text()


def test_label_maps_are_not_drawn_over_the_pictures_of_an_evaluation(tmp_path):
    _evaluation(tmp_path)
    _written(tmp_path, "S1")
    with pytest.raises(UserError, match="holds an evaluation.*leave --dataset_dir out"):
        main([str(tmp_path), "--dataset_dir", str(tmp_path)])
    assert read_run(tmp_path)["kind"] == "evaluation" and _records(tmp_path) == {}

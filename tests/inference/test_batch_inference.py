# SPDX-License-Identifier: Apache-2.0
"""One command segments a folder whose subjects have different sequences."""

import json
import os
import shutil
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from scripts.common.errors import user_message
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.data.normalise import NormaliseBraind
from scripts.inference.routing import RoutedInferer
from scripts.report.run_info import read_run
from tiny import ROOT, run, workflow

KEYS = {"bundle_root": str(ROOT), "spacing": 4.0, "filters": [4, 8, 16], "device": "cpu", "amp": False}
FILES = ("inference.json", "batch_inference.json")


def _subject(one_subject, folder, name, sequences):
    """A copy of the subject under another name, with only these sequences."""
    target = Path(folder) / name
    target.mkdir(parents=True)
    for sequence in sequences:
        shutil.copy(one_subject / f"{one_subject.name}_{sequence}.nii.gz", target / f"{name}_{sequence}.nii.gz")
    return target


def _segment(folder, output, ckpt_dir, **more):
    keys = KEYS | {"dataset_dir": str(folder), "output_dir": str(output), "ckpt_dir": str(ckpt_dir)} | more
    return run(*FILES, kind="infer", **keys)


def _failing(*arguments, **more):
    with pytest.raises(Exception) as caught:
        _segment(*arguments, **more)
    return user_message(caught.value)


def test_fifteen_copies_one_for_each_choice_of_sequences_and_a_broken_one(one_subject, fifteen, tmp_path):
    choices = {"_".join(s): s for s in (*limited_subsets(), SEQUENCES)}
    for name, sequences in choices.items():
        _subject(one_subject, tmp_path / "scans", name, sequences)
    broken = _subject(one_subject, tmp_path / "scans", "broken", ["t1ce", "flair"]) / "broken_flair.nii.gz"
    broken.write_bytes(broken.read_bytes()[:500])
    sentence = _failing(tmp_path / "scans", tmp_path / "out", fifteen)
    assert sentence.startswith("15 of 16 subjects were done. These were not:\n  broken: ") and sentence.count("\n") == 1
    table = pd.read_csv(tmp_path / "out" / "segmentations.csv", keep_default_na=False).set_index("subject")
    assert len(table) == 16 and "broken_flair.nii.gz cannot be read" in table.loc["broken", "problem"]
    for name, sequences in choices.items():
        record = json.loads((tmp_path / "out" / name / f"{name}_seg.json").read_text())
        file = "teacher.pt" if len(sequences) == 4 else f"model_{name}.pt"
        assert [Path(network["file"]).name for network in record["networks"]] == [file] == [table.loc[name, "network"]]
        assert tuple(record["sequences"]) == sequences and len(record["networks"][0]["sha256"]) == 64
        assert record["networks"][0]["trained"]["sequences"] == list(sequences)
        label_map = nib.load(tmp_path / "out" / name / f"{name}_seg.nii.gz")
        assert label_map.shape == nib.load(one_subject / f"{one_subject.name}_t1.nii.gz").shape
        assert record["volumes_ml"]["wt"] == pytest.approx(0.064 * (np.asarray(label_map.dataobj) > 0).sum(), abs=1e-3)


def test_report_and_flags_name_the_network_and_what_was_not_understood(one_subject, fifteen, tmp_path):
    folder = _subject(one_subject, tmp_path / "scans", "S1", ["t1", "t2"])
    (folder / "S1_t1.nii.gz").rename(folder / "S1_t1_mprage.nii.gz")
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    record = json.loads((tmp_path / "out" / "S1" / "S1_seg.json").read_text())
    assert record["flags"][-1].endswith("do not end in a sequence: S1_t1_mprage.nii.gz")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "by model_t2.pt" in page and "S1_t1_mprage.nii.gz" in page


def test_batch_gives_what_inference_of_the_one_setting_gives(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t1", "t2"])
    _segment(tmp_path / "scans", tmp_path / "batch", fifteen)
    keys = KEYS | {"dataset_dir": str(tmp_path / "scans"), "ckpt_dir": str(fifteen)}
    run("inference.json", kind="infer", **keys, student_modalities=["t1", "t2"], output_dir=str(tmp_path / "one"))
    for file in ("S1/S1_seg.nii.gz", "S1/S1_seg.json", "segmentations.csv"):
        if file.endswith("gz"):
            maps = [np.asarray(nib.load(tmp_path / folder / file).dataobj) for folder in ("batch", "one")]
            assert np.array_equal(*maps)
        else:
            assert (tmp_path / "batch" / file).read_text() == (tmp_path / "one" / file).read_text()


def test_subject_without_network_or_sequence_is_reported_and_the_others_go_on(one_subject, fifteen, tmp_path):
    for name, sequences in (("S1", ["t1"]), ("S2", ["t2"]), ("S3", [])):
        _subject(one_subject, tmp_path / "scans", name, sequences)
    for ending in ("pt", "json"):
        (tmp_path / f"model_t2.{ending}").write_bytes((fifteen / f"model_t2.{ending}").read_bytes())
    sentence = _failing(tmp_path / "scans", tmp_path / "out", tmp_path)
    assert "1 of 3 subjects were done" in sentence and "has no network for its sequences t1, only" in sentence
    assert "only for t2 (model_t2.pt)" in sentence and "S3: no file of any sequence was found" in sentence
    assert [path.name for path in (tmp_path / "out").rglob("*_seg.nii.gz")] == ["S2_seg.nii.gz"]


def test_each_network_is_loaded_once(one_subject, fifteen, tmp_path, monkeypatch):
    for name in ("S1", "S2", "S3"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"] if name != "S3" else ["flair"])
    loaded = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda path, **kwargs: loaded.append(Path(path).name) or load(path, **kwargs))
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    assert loaded == ["model_t2.pt", "model_flair.pt"]


def test_stopped_batch_goes_on_where_it_was_and_the_table_is_whole(one_subject, fifteen, tmp_path):
    for name in ("S1", "S2"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"])
    out = tmp_path / "out"
    _segment(tmp_path / "scans", out, fifteen)
    (out / "S2" / "S2_seg.nii.gz").unlink()
    (out / "segmentations.csv").unlink()
    left = [
        out / ".999999999.report.html",
        out / "S2" / ".999999999.S2_seg.nii.gz",
        out / "report" / ".999999999.run.json",
    ]
    for file in left:  # of a killed process; Linux has no such number
        file.touch()
    before = (out / "S1" / "S1_seg.nii.gz").stat().st_mtime_ns
    _segment(tmp_path / "scans", out, fifteen, existing="skip")
    assert (out / "S1" / "S1_seg.nii.gz").stat().st_mtime_ns == before and (out / "S2" / "S2_seg.nii.gz").is_file()
    assert not any(file.exists() for file in left)
    assert pd.read_csv(out / "segmentations.csv")["subject"].to_list() == ["S1", "S2"]
    _segment(tmp_path / "scans", out, fifteen, existing="skip")  # nothing is left to do
    assert (out / "S1" / "S1_seg.nii.gz").stat().st_mtime_ns == before
    _segment(tmp_path / "scans", out, fifteen)
    assert (out / "S1" / "S1_seg.nii.gz").stat().st_mtime_ns > before


def test_pictures_that_a_stopped_batch_left_are_drawn_though_no_label_map_is_missing(one_subject, fifteen, tmp_path):
    for name in ("S1", "S2"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"])
    out = tmp_path / "out"
    _segment(tmp_path / "scans", out, fifteen)
    page = (out / "report.html").read_text()
    parts = sorted((out / "report").glob("*S2*"))
    assert parts and page.count("<svg") + page.count("<img") > 0
    for part in parts:  # as if it had been killed before drawing
        part.unlink()
    (out / "report.html").unlink()
    _segment(tmp_path / "scans", out, fifteen, existing="skip")
    again = (out / "report.html").read_text()
    assert "<h3>S1</h3>" in again and "<h3>S2</h3>" in again and again.count("<img") == page.count("<img")


def test_skipping_label_maps_that_were_made_otherwise_is_refused(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    other = {"existing": "skip", "label_convention": "brats2023"}
    sentence = _failing(tmp_path / "scans", tmp_path / "out", fifteen, **other)
    assert "S1_seg.nii.gz was made with label_convention 'brats', but this run has 'brats2023'" in sentence


def test_a_subject_that_fails_now_says_that_its_label_map_is_an_earlier_one(one_subject, fifteen, tmp_path):
    scan = _subject(one_subject, tmp_path / "scans", "S1", ["t2"]) / "S1_t2.nii.gz"
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    scan.write_bytes(scan.read_bytes()[:500])
    _failing(tmp_path / "scans", tmp_path / "out", fifteen)
    (row,) = pd.read_csv(tmp_path / "out" / "segmentations.csv").to_dict("records")
    assert "cannot be read" in row["problem"] and row["problem"].endswith(
        "The label map in the folder is of an earlier run."
    )
    record = json.loads((tmp_path / "out" / "S1" / "S1_seg.json").read_text())
    assert row["wt_ml"] == record["volumes_ml"]["wt"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<figure" in page and "S1_t2.nii.gz cannot be read" in page


def test_a_subject_that_failed_stays_in_table_and_report_when_another_folder_is_segmented(
    one_subject, fifteen, tmp_path
):
    _subject(one_subject, tmp_path / "A", "BAD", ["t2"]).joinpath("BAD_t2.nii.gz").write_bytes(b"broken")
    _subject(one_subject, tmp_path / "B", "S1", ["t2"])
    _failing(tmp_path / "A", tmp_path / "out", fifteen)
    _segment(tmp_path / "B", tmp_path / "out", fifteen)
    table = pd.read_csv(tmp_path / "out" / "segmentations.csv", keep_default_na=False).set_index("subject")["problem"]
    assert table["S1"] == "" and "BAD_t2.nii.gz cannot be read" in table["BAD"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b>1</b> of 2 subjects were segmented" in page and "BAD_t2.nii.gz cannot be read" in page
    _subject(one_subject, tmp_path / "C", "BAD", ["t2"])
    _segment(tmp_path / "C", tmp_path / "out", fifteen)
    assert set(pd.read_csv(tmp_path / "out" / "segmentations.csv", keep_default_na=False)["problem"]) == {""}


def test_the_folder_of_the_weights_may_be_a_path_object(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    keys = KEYS | {"dataset_dir": str(tmp_path / "scans"), "output_dir": str(tmp_path / "out"), "ckpt_dir": fifteen}
    run(*FILES, kind="infer", **keys)
    assert read_run(tmp_path / "out")["expected"] == str(fifteen / "expected.json")


def test_a_bad_table_of_expected_accuracy_costs_the_report_and_not_the_table(one_subject, fifteen, tmp_path, caplog):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    for file in fifteen.glob("model_t2.*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "expected.json").write_text('{"t2": 5}')
    _segment(tmp_path / "scans", tmp_path / "out", tmp_path)
    assert pd.read_csv(tmp_path / "out" / "segmentations.csv")["subject"].to_list() == ["S1"]
    assert "The report was not finished" in caplog.text and "expected.json" in caplog.text


def test_a_label_map_that_was_changed_by_hand_stops_the_run_before_anything_is_computed(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    label_map = tmp_path / "out" / "S1" / "S1_seg.nii.gz"
    image = nib.load(label_map)
    nib.save(nib.Nifti1Image(np.zeros_like(np.asarray(image.dataobj)), image.affine), label_map)
    changed = label_map.read_bytes()
    assert "S1_seg.nii.gz was changed after inference" in _failing(tmp_path / "scans", tmp_path / "out", fifteen)
    _segment(tmp_path / "scans", tmp_path / "out", fifteen, existing="skip")
    assert label_map.read_bytes() == changed
    (flags,) = pd.read_csv(tmp_path / "out" / "segmentations.csv")["flags"]
    assert "the label map was changed after inference" in flags
    assert "The label map was edited after inference" in (tmp_path / "out" / "report.html").read_text()


def test_what_cannot_be_read_is_named_everywhere_and_the_others_go_on(one_subject, fifteen, tmp_path, caplog):
    scans, out = tmp_path / "scans", tmp_path / "out"
    _subject(one_subject, scans, "S1", ["t2"])
    for name in ("DICOM1/IM0001.dcm", "MHA1/MHA1_t2.mha", "ZIP1/all.zip"):
        (scans / name).parent.mkdir()
        (scans / name).touch()
    _subject(one_subject, scans, "P\n1", ["t2"])
    _subject(one_subject, scans, os.fsdecode(b"M\xfcller"), ["t2"])
    sentence = _failing(scans, out, fifteen)
    assert sentence.startswith("1 of 6 subjects were done.")
    table = pd.read_csv(out / "segmentations.csv", keep_default_na=False).set_index("subject")
    page = (out / "report.html").read_text()
    ways_out = {"DICOM1": "dcm2niix", "MHA1": "convert it", "ZIP1": "unpack", "P%0A1": "rename", "M%FCller": "rename"}
    for subject, way_out in ways_out.items():
        assert way_out in table.loc[subject, "problem"] and f"<li><b>{subject}</b>: " in page and subject in caplog.text
        assert table.loc[subject, "problem"] in sentence
    assert table.loc["S1", "problem"] == "" and "<h3>S1</h3>" in page


def test_a_path_that_is_too_long_is_one_subjects_failure(one_subject, fifteen, tmp_path):
    folder = _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    entries = [{"subject": "S1", "t2": "S1/S1_t2.nii.gz"}, {"subject": "S2", "t2": "x" * 5000 + ".nii.gz"}]
    (folder.parent / "dataset.json").write_text(json.dumps({"test": entries}))
    assert "S2: " in _failing(folder.parent, tmp_path / "out", fifteen)
    problems = pd.read_csv(tmp_path / "out" / "segmentations.csv", keep_default_na=False)["problem"].to_list()
    assert problems[0] == "" and problems[1].endswith("does not exist: correct the path, or leave the subject out.")
    assert len(problems[1]) < 300


def test_one_damaged_network_costs_its_own_subjects_only(one_subject, fifteen, tmp_path):
    for name, sequence in (("S1", "t2"), ("S2", "flair"), ("S3", "t1"), ("S4", "t2")):
        _subject(one_subject, tmp_path / "scans", name, [sequence])
        for ending in ("pt", "json"):
            shutil.copy(fifteen / f"model_{sequence}.{ending}", tmp_path)
    torch.save({"weight": torch.tensor([float("nan")])}, tmp_path / "model_t2.pt")
    (tmp_path / "model_t1.pt").write_bytes(b"damaged")
    sentence = _failing(tmp_path / "scans", tmp_path / "out", tmp_path)
    assert sentence.startswith("1 of 4 subjects were done.") and "S3: " in sentence
    problems = pd.read_csv(tmp_path / "out" / "segmentations.csv", keep_default_na=False)["problem"].to_list()
    assert "model_t2.pt holds NaN" in problems[0] and problems[1] == "" and "model_t2.pt holds NaN" in problems[3]
    assert "model_t1.pt is not a readable checkpoint" in problems[2]
    assert "<b>1</b> of 4 subjects were segmented" in (tmp_path / "out" / "report.html").read_text()


def test_a_subject_with_other_sequences_is_told_of_batch_inference(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t1", "t2"])
    keys = KEYS | {"dataset_dir": str(tmp_path / "scans"), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path / "o")}
    with pytest.raises(Exception) as caught:
        run("inference.json", kind="infer", **keys)
    assert "S1: no t1ce file was found, only t1, t2: add the file, segment each subject" in user_message(caught.value)
    assert "with what it has by configs/batch_inference.json" in user_message(caught.value)


def test_subjects_of_bids_folders_go_to_the_networks_of_their_sequences(one_subject, fifteen, tmp_path):
    names = {"t1": "ses-1_T1w", "t1ce": "ses-1_ce-gadolinium_run-1_T1w", "flair": "ses-1_FLAIR"}
    for subject in ("sub-01", "sub-02"):
        for sequence, name in names.items():
            target = tmp_path / "scans" / subject / "ses-1" / "anat" / f"{subject}_{name}.nii.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one_subject / f"{one_subject.name}_{sequence}.nii.gz", target)
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    table = pd.read_csv(tmp_path / "out" / "segmentations.csv")
    assert table["subject"].to_list() == ["sub-01_ses-1", "sub-02_ses-1"]
    assert table["network"].to_list() == ["model_t1_t1ce_flair.pt"] * 2


def test_next_subject_is_loaded_while_this_one_is_computed(one_subject, fifteen, tmp_path, monkeypatch):
    for name in ("S1", "S2"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"])
    begun, waited, load, compute = [], [], NormaliseBraind.__call__, RoutedInferer.__call__
    second = threading.Event()

    def loading(self, data):
        begun.append(data["subject"])  # by two threads, in any order
        if len(begun) == 2:
            second.set()
        return load(self, data)

    def computing(self, *args, **kwargs):
        waited.append(second.wait(timeout=60))  # of the first subject: one after the other would wait in vain
        return compute(self, *args, **kwargs)

    monkeypatch.setattr(NormaliseBraind, "__call__", loading)
    monkeypatch.setattr(RoutedInferer, "__call__", computing)
    _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    assert sorted(begun) == ["S1", "S2"] and waited == [True, True]


def test_loading_ahead_changes_nothing_but_the_time_and_a_bad_scan_is_skipped(one_subject, fifteen, tmp_path):
    for name in ("S1", "S2", "S3", "S4"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"] if name != "S3" else ["t1", "flair"])
    (tmp_path / "scans" / "S2" / "S2_t2.nii.gz").write_bytes(b"broken")
    sentences = {
        ahead: _failing(tmp_path / "scans", tmp_path / str(ahead), fifteen, load_ahead=ahead) for ahead in (0, 2)
    }
    assert sentences[0] == sentences[2] and sentences[0].startswith("3 of 4 subjects were done")
    for name in ("S1", "S3", "S4"):
        maps = [nib.load(tmp_path / str(ahead) / name / f"{name}_seg.nii.gz").to_bytes() for ahead in (0, 2)]
        records = [(tmp_path / str(ahead) / name / f"{name}_seg.json").read_text() for ahead in (0, 2)]
        assert maps[0] == maps[1] and records[0] == records[1]
    pages = [(tmp_path / str(ahead) / "report.html").read_text() for ahead in (0, 2)]
    assert pages[0] == pages[1] and pages[0].count("<h3>S") == 3


def test_options_reach_the_label_map(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    _segment(tmp_path / "scans", tmp_path / "plain", fifteen)
    options = {
        "label_convention": "brats2023",
        "probabilities": True,
        "test_time_mirroring": True,
        "largest_component": True,
    }
    _segment(tmp_path / "scans", tmp_path / "out", fifteen, **options)
    record = json.loads((tmp_path / "out" / "S1" / "S1_seg.json").read_text())
    assert {name: record["settings"].get(name) for name in options} == options | {"probabilities": None}
    assert (tmp_path / "out" / "S1" / "S1_probabilities.nii.gz").is_file()
    assert set(record["quality"]["mirror_disagreement"]) == {"tc", "wt", "et"}
    plain = json.loads((tmp_path / "plain" / "S1" / "S1_seg.json").read_text())
    assert plain["quality"]["mirror_disagreement"] is None
    probabilities = tmp_path / "plain" / "S1" / "S1_probabilities.nii.gz"
    assert not probabilities.exists()
    _segment(tmp_path / "scans", tmp_path / "plain", fifteen, existing="skip", probabilities=True)
    assert probabilities.is_file()


def test_an_image_of_other_sequences_than_the_runs_is_done_the_second_time(one_subject, fifteen, tmp_path):
    scan = _subject(one_subject, tmp_path, "S1", ["flair"]) / "S1_flair.nii.gz"
    keys = KEYS | {"image": str(scan), "output_dir": str(tmp_path / "out"), "ckpt_dir": str(fifteen), "report": False}
    for existing in ("overwrite", "skip"):
        run("inference.json", kind="infer", **keys, existing=existing)
    record = json.loads((tmp_path / "out" / "S1" / "S1_seg.json").read_text())
    assert Path(record["networks"][0]["file"]).name == "model_flair.pt"


def test_other_grids_are_refused_unless_resampled(one_subject, fifteen, tmp_path):
    folder = _subject(one_subject, tmp_path / "scans", "S1", ["t1ce", "flair"])
    flair = nib.load(folder / "S1_flair.nii.gz")
    coarse = nib.Nifti1Image(np.asarray(flair.dataobj)[::2, ::2, ::2], flair.affine @ np.diag([2, 2, 2, 1]))
    nib.save(coarse, folder / "S1_flair.nii.gz")
    assert "--resample true" in _failing(tmp_path / "scans", tmp_path / "out", fifteen)
    _segment(tmp_path / "scans", tmp_path / "out", fifteen, resample=True)
    assert nib.load(tmp_path / "out" / "S1" / "S1_seg.nii.gz").shape == flair.shape
    report = (tmp_path / "out" / "report.html").read_text()
    assert "<figure" in report and "No picture" not in report


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("largest_components", True, "'largest_components': did you mean 'largest_component'"),
        ("existing", "keep", "existing is 'keep', but must be one of"),
        ("wt_range_ml", [1], "wt_range_ml is [1], but must be two volumes in ml such as [1, 300]"),
        ("label_convention", "msd", "label_convention is 'msd', but must be one of"),
        ("et_min_ml", -1, "et_min_ml is -1, but must be a number of at least 0"),
        ("load_ahead", -1, "load_ahead is -1, but must be a whole number of at least 0"),
        ("resample", "yes", "resample is 'yes', but must be true or false"),
    ],
)
def test_misspelt_keys_and_impossible_values_are_refused(fifteen, tmp_path, key, value, sentence):
    assert sentence in _failing(tmp_path, tmp_path / "out", fifteen, **{key: value})


def test_an_unforeseen_error_while_loading_ends_the_run_instead_of_the_loading_alone(
    one_subject, fifteen, tmp_path, monkeypatch
):
    for name in ("S1", "S2"):
        _subject(one_subject, tmp_path / "scans", name, ["t2"])

    def crash(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("scripts.data.normalise.NormaliseBraind._normalise", crash)
    with pytest.raises(Exception) as caught:
        _segment(tmp_path / "scans", tmp_path / "out", fifteen)
    chain, texts = caught.value, []
    while chain is not None:
        texts.append(str(chain))
        chain = chain.__cause__ or chain.__context__
    assert any("Loading S1 failed" in text for text in texts) and any("a bug" in text for text in texts)


def test_monai_finds_every_property_it_requires(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", ["t2"])
    keys = KEYS | {"dataset_dir": str(tmp_path / "scans"), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path)}
    started = workflow(*FILES, kind="infer", **keys)
    started.initialize()
    assert started.check_properties() == []
    started = workflow("inference.json", "ensemble_inference.json", kind="infer", **keys)
    started.initialize()
    assert started.check_properties() == []


def test_ensemble_names_both_its_networks(one_subject, fifteen, tmp_path):
    _subject(one_subject, tmp_path / "scans", "S1", SEQUENCES)
    keys = KEYS | {"dataset_dir": str(tmp_path / "scans"), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path / "o")}
    run("inference.json", "ensemble_inference.json", kind="infer", **keys)
    record = json.loads((tmp_path / "o" / "S1" / "S1_seg.json").read_text())
    assert [Path(network["file"]).name for network in record["networks"]] == ["teacher.pt", "model_t1ce_flair.pt"]

# SPDX-License-Identifier: Apache-2.0
"""A training records the subjects that its networks will have seen."""

import json
import logging
from pathlib import Path

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError, user_message
from scripts.data.known_subjects import known_to
from scripts.research.runs import configs
from scripts.training.subjects import record_subjects, unlabelled_subjects, with_more_training

DATALIST = {
    "training": [{"subject": "A"}, {"subject": "S1", "maps": "m"}],
    "validation": [{"subject": "B"}],
    "test": [{"subject": "C"}],
}


def _recorded(datalist=DATALIST, **starts):
    provenance = {"starts_from": starts}
    record_subjects(provenance, datalist, "data")
    return provenance


def test_real_subjects_are_named_and_simulated_ones_are_not():
    assert _recorded(student="random weights")["real_subjects"] == ["A"]
    simulated = {"training": DATALIST["training"][1:], "validation": [], "test": []}
    assert _recorded(simulated) == {"starts_from": {}}


def test_subjects_of_the_starting_weights_are_named_and_those_held_out_are_warned_of(tmp_path, caplog):
    (tmp_path / "teacher.json").write_text(json.dumps({"stages": [{"real_subjects": ["C", "X"]}]}))
    start = f"{tmp_path}/teacher.pt"
    with caplog.at_level(logging.WARNING):
        provenance = _recorded(teacher=f"{start} (frozen)", student=start)
    assert provenance["start_subjects"] == ["C", "X"]
    assert caplog.messages == [
        f"1 of 2 subjects for validation and test were in the training of {start}: C. Their results are better than "
        "those of new patients: leave these subjects out, or take weights that were not trained on them."
    ]


def test_patients_are_named_whom_the_subjects_names_do_not_tell(tmp_path):
    (tmp_path / "teacher.json").write_text(json.dumps({"real_subjects": ["P3_2020"], "patients": ["P3"]}))
    of_patients = [{"subject": "P1_2020", "patient": "P1"}, {"subject": "BraTS-GLI-00005-000"}]
    datalist = DATALIST | {"training": [*of_patients, {"subject": "U_1", "patient": "U", "unlabelled": True}]}
    assert _recorded(datalist, student=f"{tmp_path}/teacher.pt")["patients"] == ["P1", "P3", "U"]


def test_subjects_of_the_teacher_that_labels_scans_are_named_though_no_network_starts_from_it(tmp_path):
    (tmp_path / "teacher.json").write_text(json.dumps({"real_subjects": ["X"]}))
    provenance = {"starts_from": {"student": "random weights"}}
    record_subjects(provenance, DATALIST, "data", str(tmp_path))
    assert "start_subjects" not in provenance
    datalist = DATALIST | {"training": [{"subject": "U", "unlabelled": True}]}
    record_subjects(provenance, datalist, "data", str(tmp_path))
    assert provenance["start_subjects"] == ["X"]


def _simulated(number, part, folder="/cohort"):
    return {"subject": f"S{number}", "maps": f"{folder}/S{number}/maps.nii.gz", "part": part}


def test_simulated_subjects_are_named_where_their_split_is_another_than_the_cohorts():
    own = {"training": [_simulated(1, "training")], "validation": [], "test": [_simulated(2, "test")]}
    other = {"training": [_simulated(2, "test")], "validation": [], "test": [_simulated(1, "training")]}
    for datalist, names in ((own, None), (other, ["S2"])):
        provenance = {"starts_from": {}, "dataset": "cohort"}
        record_subjects(provenance, datalist, "/cohort")
        assert provenance.get("simulated_subjects") == names
        held_out = known_to(provenance, datalist["test"], "/cohort")
        trained_on = known_to(provenance, datalist["training"], "/cohort")
        assert (held_out, trained_on) == ([], [item["subject"] for item in datalist["training"]])


def test_a_patient_is_not_trained_on_by_an_overlay_and_held_out_by_the_dataset_or_the_other_way_round():
    parts = {"training": [{"subject": "A"}], "validation": [{"subject": "BraTS-GLI-00005-000"}], "test": []}
    joined = with_more_training(parts, [[{"subject": "D"}], [{"subject": "E"}]], [[{"subject": "F"}]])
    assert [item["subject"] for item in joined["training"]] == ["A", "D", "E"]
    with pytest.raises(UserError, match="training of an overlay has BraTS-GLI-00005-001, whose patient is held out"):
        with_more_training(parts, [[{"subject": "BraTS-GLI-00005-001"}]], [])
    with pytest.raises(UserError, match="training part of dataset_dir has A, whose patient is held out"):
        with_more_training(parts, [], [[{"subject": "A"}]])


@pytest.mark.parametrize("real, dataset", [("training", "test"), ("test", "training")])
def test_with_real_refuses_a_patient_on_both_sides(real, dataset):
    parser, nothing = ConfigParser(), {"training": [], "validation": [], "test": []}
    parser.read_config(configs("with_real"))
    parser.update(
        {key: nothing | {part: [{"subject": "A"}]} for key, part in (("real_subjects", real), ("parts", dataset))}
    )
    with pytest.raises(Exception) as caught:
        parser.get_parsed_content("datalist")
    assert "has A, whose patient is held out" in user_message(caught.value)


def test_a_training_records_the_subjects_of_the_teacher_that_labels_scans():
    steps = [step for step in ConfigParser.load_config_file(configs()[0])["run"] if isinstance(step, dict)]
    (step,) = [step for step in steps if step["_target_"].endswith("record_subjects")]
    assert step["teacher_from"] == "@teacher_from"


def test_simulated_subjects_of_two_cohorts_share_their_names_only():
    parts = {"training": [], "validation": [], "test": [_simulated(1, "test")]}
    assert with_more_training(parts, [[_simulated(1, "training", "/other")]], [])
    with pytest.raises(UserError, match="has S1, whose patient is held out"):
        with_more_training(parts, [[_simulated(1, "training")]], [])


def _scans(folder, *subjects, sequences=("t1", "t1ce", "t2", "flair", "seg")):
    for subject in subjects:
        (folder / subject).mkdir(parents=True)
        for name in sequences:
            (folder / subject / f"{subject}_{name}.nii.gz").touch()
    return str(folder)


ALL = ("t1", "t1ce", "t2", "flair")


def test_label_maps_of_unlabelled_subjects_are_not_used(tmp_path):
    items = unlabelled_subjects(_scans(tmp_path, "BraTS2021_00001", "BraTS2021_00002"), ALL)
    assert [(item["subject"], item["unlabelled"], "label" in item) for item in items] == [
        ("BraTS2021_00001", True, False),
        ("BraTS2021_00002", True, False),
    ]


def test_the_maps_of_a_simulated_subject_are_dropped_with_its_label(tmp_path, monkeypatch):
    found = [{"subject": "S1", "maps": "m", "label": "l"} | dict.fromkeys(ALL, __file__)]
    monkeypatch.setattr("scripts.training.subjects.subjects_in", lambda *args, **kwargs: found)
    (item,) = unlabelled_subjects("cohort", ALL)
    assert item["unlabelled"] and not item.keys() & {"maps", "label"}


def test_a_patient_held_out_for_the_test_may_not_be_trained_on_without_labels(tmp_path):
    folder = _scans(tmp_path, "BraTS-GLI-00005-001")
    with pytest.raises(UserError, match="has BraTS-GLI-00005-001, whose patient is held out"):
        unlabelled_subjects(folder, ALL, [{"subject": "BraTS-GLI-00005-000"}])


def test_unlabelled_subjects_need_a_folder_and_all_sequences(tmp_path):
    with pytest.raises(UserError, match="unlabelled_dir is null: give the folder"):
        unlabelled_subjects(None, ALL)
    with pytest.raises(UserError, match="BraTS2021_00001 lacks flair"):
        unlabelled_subjects(_scans(tmp_path, "BraTS2021_00001", sequences=ALL[:3]), ALL)


def test_unlabelled_scans_in_other_formats_are_left_out_and_other_errors_are_told(tmp_path, caplog):
    folder = Path(_scans(tmp_path, "BraTS2021_00001"))
    (folder / "P2").mkdir()
    (folder / "P2" / "1.dcm").touch()
    assert [item["subject"] for item in unlabelled_subjects(folder, ALL)] == ["BraTS2021_00001"]
    assert "P2: no NIfTI file was found" in caplog.text and "is DICOM" in caplog.text
    scan = folder / "BraTS2021_00001" / "BraTS2021_00001_t1.nii.gz"
    (scan.parent / "BraTS2021_00001_T1.nii").touch()
    with pytest.raises(UserError, match="both claim to be the t1: keep one"):
        unlabelled_subjects(folder, ALL)


def test_a_cohort_is_the_same_under_another_path(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "cohort")
    monkeypatch.chdir(tmp_path / "work")
    items = [{"subject": f"S{n}", "part": "training", "maps": str(tmp_path / "cohort" / f"S{n}.npz")} for n in range(2)]
    for folder in (str(tmp_path / "cohort"), "../cohort", str(tmp_path / "link")):
        provenance = {"starts_from": {}}
        record_subjects(provenance, {"training": items[:1], "validation": [], "test": items[1:]}, folder)
        assert provenance["simulated_subjects"] == ["S0"]

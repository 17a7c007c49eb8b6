# SPDX-License-Identifier: Apache-2.0
"""A training records the subjects that its networks will have seen."""

import json
import logging

import pytest
from scripts.common.errors import UserError
from scripts.training.subjects import record_subjects, unlabelled_subjects

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


def test_a_patient_held_out_for_the_test_may_not_be_trained_on_without_labels(tmp_path):
    folder = _scans(tmp_path, "BraTS-GLI-00005-001")
    with pytest.raises(UserError, match="has BraTS-GLI-00005-001, whose patient is held out"):
        unlabelled_subjects(folder, ALL, [{"subject": "BraTS-GLI-00005-000"}])


def test_unlabelled_subjects_need_a_folder_and_all_sequences(tmp_path):
    with pytest.raises(UserError, match="unlabelled_dir is null: give the folder"):
        unlabelled_subjects(None, ALL)
    with pytest.raises(UserError, match="BraTS2021_00001 lacks flair"):
        unlabelled_subjects(_scans(tmp_path, "BraTS2021_00001", sequences=ALL[:3]), ALL)

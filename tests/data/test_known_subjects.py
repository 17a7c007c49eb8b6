# SPDX-License-Identifier: Apache-2.0
"""Subjects that a network was trained on are told by the record beside its weights."""

import json

from scripts.data.known_subjects import known_to, subjects_of, warnings_of

RECORD = {
    "dataset": "cohort",
    "real_subjects": ["A"],
    "start_subjects": ["B"],
    "stages": [{"dataset": "old_cohort"}, {"real_subjects": ["BraTS-GLI-00005-000"]}],
}


def _item(subject, **more):
    return {"subject": subject, **more}


def test_names_are_those_of_the_training_its_stages_and_its_start():
    assert subjects_of(RECORD) == {"A", "B", "BraTS-GLI-00005-000"}
    assert subjects_of({}) == set()


def test_a_subject_is_known_by_its_name_or_by_another_time_point_of_its_patient():
    items = [_item("A"), _item("C"), _item("BraTS-GLI-00005-001"), _item("scan2", patient="B")]
    assert known_to(RECORD, items, "real") == ["A", "BraTS-GLI-00005-001", "scan2"]


def test_a_time_point_is_known_by_the_patient_that_the_record_names():
    items = [_item("P1_2021", patient="P1"), _item("P2_2021", patient="P2")]
    record = {"real_subjects": ["P1_2020"], "patients": ["P1"]}
    assert known_to(record, items, "real") == ["P1_2021"] and known_to({"stages": [record]}, items, "real") == [
        "P1_2021"
    ]


def test_a_simulated_subject_is_known_in_the_training_part_of_a_cohort_of_the_recorded_name():
    items = [_item("A", maps="m", part="training"), _item("S1", maps="m", part="test")]
    assert known_to(RECORD, items, "somewhere/cohort") == known_to(RECORD, items, "old_cohort") == ["A"]
    assert known_to(RECORD, items, "another") == []


def test_a_simulated_subject_is_known_by_name_where_the_record_names_those_of_its_training():
    items = [_item("S1", maps="m", part="training"), _item("S2", maps="m", part="test")]
    record = {"dataset": "cohort", "simulated_subjects": ["S2"]}
    assert known_to(record, items, "cohort") == ["S2"] and known_to(record, items, "another") == []
    assert known_to(record | {"stages": [{"dataset": "cohort"}]}, items, "cohort") == ["S1", "S2"]


def test_a_simulated_source_of_an_unpaired_training_is_known():
    record = {"dataset": "hospital_b", "source": {"dataset": "cohort", "subjects": ["S1", "S2"]}}
    items = [_item("S1", maps="m", part="test"), _item("S3", maps="m", part="training")]
    assert known_to(record, items, "x/cohort") == ["S1"] and known_to(record, items, "x/other") == []


def test_weights_that_know_the_same_subjects_share_a_sentence(tmp_path):
    for name, names in {"teacher": ["A"], "model": ["A"], "fresh": []}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"real_subjects": names}))
    paths = [tmp_path / f"{name}.pt" for name in ("teacher", "model", "fresh", "unrecorded", "model")]
    (sentence,) = warnings_of(paths, [_item("A"), _item("B")], tmp_path, "test subjects")
    assert sentence.startswith(f"1 of 2 test subjects were in the training of {paths[0]}, {paths[1]}: A. ")

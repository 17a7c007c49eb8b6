"""Which subjects of the two hospitals a training uses, and what is refused."""

import json
import logging

import pytest
from conftest import write_msd, write_subject
from scripts.common.errors import UserError
from scripts.common.label_map_state import sha256_of
from scripts.unpaired.domains import source_subjects, target_subjects, unpaired_datalist

SEQUENCES = {"source": "t2", "target": "flair"}


@pytest.fixture
def hospitals(tmp_path):
    """Three labelled subjects with a T2, and four with a FLAIR, of which the last has no label map."""
    for number in range(3):
        write_subject(tmp_path / "a", f"a{number}", names=("t2", "label"))
    for number in range(4):
        write_subject(tmp_path / "b", f"b{number}", names=("flair", "label")[: 2 if number < 3 else 1])
    source = source_subjects(str(tmp_path / "a"), "t2")
    target = target_subjects(str(tmp_path / "b"), "flair")
    return source, {"training": target[1:], "validation": [], "test": target[:1]}


def _of(datalist, domain, labelled):
    return [
        item["subject"]
        for item in datalist["training"]
        if item["domain"] == domain and ("unlabelled" not in item) == labelled
    ]


def test_without_labels_no_label_map_of_the_target_is_named(hospitals):
    datalist = unpaired_datalist(*hospitals, SEQUENCES, "none")
    assert _of(datalist, "source", True) == ["a0", "a1", "a2"]
    assert _of(datalist, "target", False) == ["b1", "b2", "b3"] and not _of(datalist, "target", True)
    assert not any("label" in item for item in datalist["training"] if item["domain"] == "target")
    assert {item["needed"] for item in datalist["training"] if item["domain"] == "source"} == {"t2"}
    assert datalist["test"] == hospitals[1]["test"]


def test_a_number_of_labels_is_drawn_among_those_that_there_are_and_a_list_is_followed(hospitals):
    one, two = (_of(unpaired_datalist(*hospitals, SEQUENCES, number), "target", True) for number in (1, 2))
    assert len(one) == 1 and set(one) < set(two) and sorted(two) == ["b1", "b2"]
    assert _of(unpaired_datalist(*hospitals, SEQUENCES, ["b2"]), "target", True) == ["b2"]


def test_one_target_scan_is_enough(hospitals):
    datalist = unpaired_datalist(*hospitals, SEQUENCES, "none", subjects=1)
    assert len(_of(datalist, "target", False)) == 1


def test_labels_that_do_not_exist_are_refused_by_name(hospitals):
    with pytest.raises(UserError, match="b3, which do not exist"):
        unpaired_datalist(*hospitals, SEQUENCES, "all")
    with pytest.raises(UserError, match="b3, which do not exist"):
        unpaired_datalist(*hospitals, SEQUENCES, ["b3"])
    with pytest.raises(UserError, match="target#labels names b9"):
        unpaired_datalist(*hospitals, SEQUENCES, ["b9"])
    with pytest.raises(UserError, match="target#labels is 3, but must be 1 to 2"):
        unpaired_datalist(*hospitals, SEQUENCES, 3)


def test_a_patient_on_both_sides_is_refused(hospitals):
    source, parts = hospitals
    with pytest.raises(UserError, match="b0 is a patient of the source and of the target"):
        unpaired_datalist([*source, parts["test"][0]], parts, SEQUENCES)


def test_a_side_without_subjects_is_refused(hospitals):
    source, parts = hospitals
    with pytest.raises(UserError, match="The target has no training subject"):
        unpaired_datalist(source, parts | {"training": []}, SEQUENCES)


def test_incomplete_source_subjects_are_refused(hospitals, tmp_path):
    with pytest.raises(UserError, match="b3 lacks label"):
        source_subjects(str(tmp_path / "b"), "flair")
    with pytest.raises(UserError, match="lacks t1"):
        target_subjects(str(tmp_path / "b"), "t1")


def test_scans_that_dataset_json_lists_without_a_label_are_training_subjects(tmp_path):
    folder = write_msd(tmp_path)
    items = {item["subject"]: item for item in target_subjects(str(folder), "flair")}
    assert items["BRATS_485"]["part"] == "training" and "label" not in items["BRATS_485"]
    datalist = unpaired_datalist(
        [], {"training": list(items.values()), "validation": [], "test": []}, SEQUENCES, "none"
    )
    assert _of(datalist, "target", False) == ["BRATS_001", "BRATS_002", "BRATS_485"]


def test_a_label_map_of_inference_is_refused_only_where_it_is_wanted(tmp_path):
    for name in ("b1", "b2"):
        folder = write_subject(tmp_path, name, names=("flair", "label"))
    record = {
        "subject": "b2",
        "volumes_ml": {},
        "networks": [],
        "label_map_sha256": sha256_of(folder / "b2_seg.nii.gz"),
    }
    (folder / "b2_seg.json").write_text(json.dumps(record))
    parts = {"training": target_subjects(str(tmp_path), "flair"), "validation": [], "test": []}
    assert _of(unpaired_datalist([], parts, SEQUENCES, "none"), "target", False) == ["b1", "b2"]
    assert _of(unpaired_datalist([], parts, SEQUENCES, 1), "target", True) == ["b1"]
    for labels in ("all", ["b2"]):
        with pytest.raises(UserError, match="b2_seg.nii.gz was made by inference"):
            unpaired_datalist([], parts, SEQUENCES, labels)


def test_names_that_both_sides_use_are_refused_unless_they_are_of_two_simulated_cohorts(hospitals):
    _, parts = hospitals
    one = [{"subject": "b1", "t2": "b1_t2.nii.gz", "label": "b1_seg.nii.gz"}]
    with pytest.raises(UserError, match="b1 is a patient of the source.*or, if they are other people, rename"):
        unpaired_datalist(one, parts, SEQUENCES)
    source, target = ([{"subject": "S1", "maps": f"{side}/S1_maps.nii.gz"}] for side in "ab")
    both = {"training": target, "validation": [], "test": []}
    assert [item["subject"] for item in unpaired_datalist(source, both, SEQUENCES)["training"]] == ["S1", "S1"]
    with pytest.raises(UserError, match="S1 is a patient of the source"):
        unpaired_datalist(target, both, SEQUENCES)


def test_validation_subjects_that_nothing_uses_are_reported(hospitals, caplog):
    source, parts = hospitals
    moved = parts | {"training": parts["training"][1:], "validation": parts["training"][:1]}
    with caplog.at_level(logging.WARNING):
        unpaired_datalist(source, parts, SEQUENCES)
        assert caplog.text == ""
        unpaired_datalist(source, moved, SEQUENCES)
    assert "1 subjects of the target are held out for validation" in caplog.text

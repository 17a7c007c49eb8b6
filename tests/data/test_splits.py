# SPDX-License-Identifier: Apache-2.0
"""Splits are by patient, seeded, and follow a split file exactly."""

import json
import warnings

import pytest
from scripts.common.errors import UserError
from scripts.data.datalist import subjects_in
from scripts.data.splits import PARTS, of_shared_patients, part_of, patient_of, split


def items_named(*subjects, **extra):
    return [{"subject": subject, **extra} for subject in subjects]


def names(parts):
    return {part: [item["subject"] for item in parts[part]] for part in PARTS}


ELEVEN = items_named(*(f"BraTS2021_{number:05d}" for number in (6, *range(1476, 1486))))


def test_eleven_subjects_make_eight_one_and_two():
    parts = split(ELEVEN)
    assert [len(parts[part]) for part in PARTS] == [8, 1, 2]
    assert sorted(sum(names(parts).values(), [])) == [item["subject"] for item in ELEVEN]


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_the_items():
    assert names(split(ELEVEN, seed=3)) == names(split(ELEVEN[::-1], seed=3))
    assert len({str(names(split(ELEVEN, seed=seed))) for seed in range(10)}) > 5


def test_the_default_split_never_changes():  # a recorded value: published numbers rest on it
    assert names(split(ELEVEN))["test"] == ["BraTS2021_01478", "BraTS2021_01485"]


def test_folds_cover_every_subject_once_and_keep_validation_apart():
    tested = []
    for fold in range(5):
        parts = names(split(ELEVEN, fold=fold, folds=5))
        tested += parts["test"]
        assert len(parts["validation"]) == 1
        assert not set(parts["test"]) & set(parts["validation"] + parts["training"])
        assert not set(parts["validation"]) & set(parts["training"])
    assert sorted(tested) == [item["subject"] for item in ELEVEN]


def test_time_points_of_a_patient_stay_together():
    items = items_named(*(f"BraTS-GLI-{patient:05d}-{point:03d}" for patient in range(10) for point in range(3)))
    for seed in range(5):
        patients = [{name[:15] for name in part} for part in names(split(items, seed=seed)).values()]
        assert [len(p) for p in patients] == [7, 1, 2]
        assert len(set.union(*patients)) == 10


@pytest.mark.parametrize(
    "subject, patient",
    [
        ("BraTS-GLI-00005-001", "BraTS-GLI-00005"),
        ("sub-01_ses-2", "sub-01"),
        ("UPENN-GBM-00001_21", "UPENN-GBM-00001"),
        ("UCSF-PDGM-0433_FU001d_nifti", "UCSF-PDGM-0433"),
        ("UCSF-PDGM-0433_nifti", "UCSF-PDGM-0433"),
        ("Patient-001_week-044", "Patient-001"),
        ("BraTS2021_00006", "BraTS2021_00006"),
        ("S1_2", "S1_2"),
    ],
)
def test_patients_are_told_by_the_names_of_public_data_sets(subject, patient):
    assert patient_of({"subject": subject}) == patient


def test_subjects_of_a_named_patient_stay_together():
    items = [{"subject": f"s{number}", "patient": f"p{number // 2}"} for number in range(20)]
    for part in split(items).values():
        assert len(part) == 2 * len({item["patient"] for item in part})


def test_a_fraction_of_zero_leaves_the_part_empty():
    parts = split(ELEVEN, validation=0.2, test=0)
    assert [len(parts[part]) for part in PARTS] == [9, 2, 0]


@pytest.mark.parametrize(
    "count, options, message",
    [
        (2, {}, "2 patients are too few: none is left for training"),
        (1, {}, "none is left for training and validation"),
        (3, {"fold": 0}, "3 patients cannot make 5 folds"),
        (11, {"fold": 5}, "fold 5 of 5 folds does not exist"),
        (11, {"fold": 0, "folds": 1}, "fold 0 of 1 folds does not exist"),
        (11, {"validation": 0.5, "test": 0.5}, "must add up to less than 1"),
        (11, {"test": -0.1}, "must not be negative"),
    ],
)
def test_what_cannot_be_divided_is_refused(count, options, message):
    with pytest.raises(UserError, match=message):
        split(ELEVEN[:count], **options)


def test_parts_that_came_with_the_dataset_are_kept():
    items = items_named("a", "b", part="training") + items_named("c", part="validation") + items_named("d", part="test")
    assert names(split(items)) == {"training": ["a", "b"], "validation": ["c"], "test": ["d"]}


def test_a_part_that_the_dataset_lacks_is_drawn_from_its_training_subjects():
    items = items_named(*"abcdefgh", part="training") + items_named("x", part="test")
    parts = names(split(items))
    assert parts["test"] == ["x"]
    assert len(parts["validation"]) == 1 and len(parts["training"]) == 7


def test_a_part_that_the_dataset_lists_as_empty_stays_empty(tmp_path):
    entries = [{"subject": name, "flair": f"{name}.nii.gz", "label": f"{name}_seg.nii.gz"} for name in "abcde"]
    lists = {"training": entries[:4], "validation": entries[4:], "test": []}
    (tmp_path / "dataset.json").write_text(json.dumps(lists))
    found = names(split(subjects_in(tmp_path, "flair")))
    assert found == {"training": ["a", "b", "c", "d"], "validation": ["e"], "test": []}
    del lists["test"]  # not listed: drawn
    (tmp_path / "dataset.json").write_text(json.dumps(lists))
    assert [len(part) for part in names(split(subjects_in(tmp_path, "flair"))).values()] == [3, 1, 1]


def test_a_dataset_with_training_subjects_only_is_divided():
    assert len(split(items_named(*"abcdefghij", part="training"))["test"]) == 2


def write(path, **lists):
    path.write_text(json.dumps(lists))
    return path


def test_a_split_file_is_followed_exactly(tmp_path):
    file = write(tmp_path / "split.json", training=["c", "a"], validation=["b"], test=["d"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = split(items_named(*"dcba", part="training"), split_file=file)
    assert names(parts) == {"training": ["a", "c"], "validation": ["b"], "test": ["d"]}


def test_subjects_that_a_split_file_does_not_name_are_warned_of_and_unused(tmp_path):
    file = write(tmp_path / "split.json", training=["a"], validation=["b"], test=[])
    with pytest.warns(UserWarning, match="1 of 3 subjects are not in .*split.json and stay unused: c"):
        assert names(split(items_named(*"abc"), split_file=file)) == {
            "training": ["a"],
            "validation": ["b"],
            "test": [],
        }


@pytest.mark.parametrize(
    "text, message",
    [
        (
            '{"training": ["a", "x", "y"], "validation": ["b"], "test": []}',
            "names 2 of its 4 subjects.*: x, y. Add them",
        ),
        ('{"training": ["a"], "validation": ["a"], "test": []}', "names a more than once"),
        ('{"training": [], "validation": ["a"], "test": []}', "has no training subjects"),
        ('{"training": ["a"]}', "is not understood: write it as"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_split_file_that_cannot_be_followed_is_refused(tmp_path, text, message):
    file = tmp_path / "split.json"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        split(items_named("a", "b"), split_file=file)


def test_a_missing_split_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="none.json does not exist"):
        split(ELEVEN, split_file=tmp_path / "none.json")


def test_one_part_is_that_of_the_split():
    assert part_of(ELEVEN, "test", seed=3) == split(ELEVEN, seed=3)["test"] and part_of(ELEVEN, "all") == ELEVEN
    with pytest.raises(UserError, match="part is 'tset': choose one of training, validation, test or all"):
        part_of(ELEVEN, "tset")


def _time_points(**parts):
    return [item for part, names in parts.items() for item in items_named(*names, part=part)]


def test_time_points_of_a_patient_in_two_parts_are_refused_unless_that_is_allowed(tmp_path):
    first, second, other = (f"BraTS-GLI-0000{name}" for name in ("5-000", "5-001", "6-000"))
    items = _time_points(training=[first], validation=[other], test=[second])
    with pytest.raises(
        UserError, match=f"dataset.json puts time points of one patient .*BraTS-GLI-00005 .{first} in tr"
    ):
        split(items)
    assert names(split(items, allow_shared_patients=True))["test"] == [second]
    file = write(tmp_path / "split.json", training=[first], validation=[second], test=[other])
    with pytest.raises(
        UserError, match=rf"split.json puts .* \({first} in training, {second} in validation\).*#allow_sh"
    ):
        split(items, split_file=file)
    assert split(items, split_file=file, allow_shared_patients=True)["test"][0]["subject"] == other


def test_time_points_of_a_patient_in_one_part_are_fine():
    items = _time_points(training=["BraTS-GLI-00005-000", "BraTS-GLI-00005-001"], validation=["a"], test=["b"])
    assert len(split(items)["training"]) == 2


def test_patients_are_those_that_a_dataset_names():
    items = [
        {"subject": "a", "patient": "p", "part": "training"},
        {"subject": "b", "patient": "p", "part": "test"},
        {"subject": "c", "part": "validation"},
    ]
    with pytest.raises(UserError, match=r"such as those of p \(a in training, b in test\)"):
        split(items)


def test_items_are_of_shared_patients_by_time_point_but_not_by_the_names_of_two_cohorts():
    a, b = items_named("BraTS-GLI-00001-000", "BraTS-GLI-00002-000")
    assert of_shared_patients([a, b], items_named("BraTS-GLI-00001-003")) == [a]
    (one,), (other,), (real,) = (items_named("S1", maps="a/S1"), items_named("S1", maps="b/S1"), items_named("S1"))
    assert of_shared_patients([one], [other]) == []
    assert of_shared_patients([one], [one]) == [one] and of_shared_patients([one], [real]) == [one]


@pytest.mark.parametrize("draw", [{"validation": 0.25, "test": 0.25}, {"fold": 1, "folds": 2, "validation": 0.25}])
def test_patients_without_a_label_map_are_drawn_for_training_only(draw):
    labelled = [item | {"label": "x"} for item in items_named("a", "b", "c", "d")]
    without = items_named("e", "f", "g")
    parts, before = split(labelled + without, **draw), split(labelled, **draw)
    assert [parts[part] for part in ("validation", "test")] == [before[part] for part in ("validation", "test")]
    assert parts["training"] == before["training"] + without


def test_folds_need_as_many_patients_with_a_label_map():
    items = [item | {"label": "x"} for item in items_named("a")] + items_named("b", "c")
    with pytest.raises(UserError, match="1 patients with a label map cannot make 2 folds"):
        split(items, fold=0, folds=2)


def test_a_part_that_dataset_json_lacks_is_drawn_from_subjects_with_a_label_map():
    items = [item | {"part": "training"} for item in items_named("a", "b", "c", "d", "e")]
    items += [item | {"part": "validation", "label": "x"} for item in items_named("v")]
    items[3]["label"] = items[4]["label"] = "x"
    parts = split(items, validation=0.1, test=0.5)
    assert len(parts["test"]) == 1 and parts["test"][0]["subject"] in ("d", "e")


def test_a_scan_without_a_label_map_stays_in_the_part_of_its_patient():
    first, second = items_named("BraTS-GLI-00001-000", "BraTS-GLI-00001-001")
    others = [item | {"label": "x"} for item in items_named("BraTS-GLI-00002-000", "BraTS-GLI-00003-000")]
    parts = split([first | {"label": "x"}, second, *others], validation=0, fold=0, folds=3)
    placed = {item["subject"]: part for part, there in parts.items() for item in there}
    assert placed["BraTS-GLI-00001-000"] == placed["BraTS-GLI-00001-001"]


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_dataset_with_subjects_of_one_other_part_only_is_not_drawn_anew(part):
    items = items_named("a", "b", "c", part=part)
    with pytest.raises(UserError, match=f"dataset.json lists subjects for {part} only: list some for training, or"):
        split(items)
    assert part_of(items, "all") == items


def test_simulated_subjects_of_one_cohort_are_shared_under_any_path(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "cohort")
    (own,) = items_named("S1", maps=str(tmp_path / "link" / "S1.npz"))
    (same,) = items_named("S1", maps=str(tmp_path / "x" / ".." / "cohort" / "S1.npz"))
    (other,) = items_named("S1", maps=str(tmp_path / "other" / "S1.npz"))
    assert of_shared_patients([own], [same]) == [own] and of_shared_patients([own], [other]) == []

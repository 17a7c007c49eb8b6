"""Folds of real subjects: every collection spread evenly, a patient in one fold, known subjects only for training."""

import json

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.data.splits import in_drawn_order
from scripts.research.real_subjects import draw_folds, gather, with_patients


@pytest.fixture
def real(tmp_path):
    """Two collections of six and three subjects, and two subjects that the starting network knows."""
    names = {"old": ["K1", "K2"], "gli": [f"G{number}" for number in range(6)], "ssa": ["S0", "S1", "S2", "bad"]}
    for folder, subjects in names.items():
        for subject in subjects:
            (tmp_path / folder / subject).mkdir(parents=True)
    collections = {"GLI": [str(tmp_path / "gli")], "SSA": [str(tmp_path / "ssa")]}
    return {"trained": [str(tmp_path / "old")], "collections": collections, "folds": 3, "left_out": ["bad"]}


def test_each_fold_tests_its_own_subjects_and_trains_on_the_others(real, tmp_path):
    splits = gather(real, tmp_path / "out")
    assert splits == ["all", "fold0", "fold1", "fold2"]
    read = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in splits}
    tested = [name for fold in splits[1:] for name in read[fold]["test"]]
    assert sorted(tested) == ["G0", "G1", "G2", "G3", "G4", "G5", "S0", "S1", "S2"]
    for fold in splits[1:]:
        assert [name[0] for name in read[fold]["test"]] == ["G", "G", "S"]
        assert {"K1", "K2"} < set(read[fold]["training"]) and read[fold]["validation"] == []
        assert sorted(read[fold]["training"] + read[fold]["test"]) == read["all"]["training"]
    assert (tmp_path / "out" / "subjects" / "G3").resolve() == tmp_path / "gli" / "G3"
    assert not (tmp_path / "out" / "subjects" / "bad").exists()


@pytest.mark.parametrize("unlabelled, gone", [(0.5, ["G", "G", "S"]), (["SSA"], ["S", "S"]), (0, [])])
def test_part_of_the_training_subjects_is_set_aside_as_unlabelled(real, tmp_path, unlabelled, gone):
    out = tmp_path / "out"
    splits = gather(real | {"unlabelled": unlabelled}, out)
    assert splits[4:] == ["fold0_labelled", "fold1_labelled", "fold2_labelled"]
    for number in range(3):
        whole, labelled = (json.loads((out / f"fold{number}{end}.json").read_text()) for end in ("", "_labelled"))
        aside = sorted(path.name for path in (out / f"fold{number}_unlabelled").glob("*"))
        # four GLI and two SSA are left for training in each fold, and the two that are always there
        assert [name[0] for name in aside] == gone and labelled["test"] == whole["test"]
        assert sorted(labelled["training"] + aside) == whole["training"] and {"K1", "K2"} <= set(labelled["training"])


def test_gathering_again_gives_the_same_and_another_draw_is_refused(real, tmp_path):
    out = tmp_path / "out"
    assert gather(real | {"unlabelled": ["GLI"]}, out) == gather(real | {"unlabelled": ["GLI"]}, out)
    with pytest.raises(UserError, match="fold0_labelled.json divides other subjects, or divides them otherwise"):
        gather(real | {"unlabelled": ["SSA"]}, out)
    assert {path.name[0] for path in (out / "fold0_unlabelled").iterdir()} == {"G"}


def test_one_subject_more_does_not_move_others_into_the_test_of_trained_networks(real, tmp_path):
    gather(real, tmp_path / "out")
    before = {path.name: path.read_text() for path in (tmp_path / "out").glob("*.json")}
    (tmp_path / "gli" / "G6").mkdir()
    with pytest.raises(UserError, match="all.json divides other subjects"):
        gather(real, tmp_path / "out")
    assert before == {path.name: path.read_text() for path in (tmp_path / "out").glob("*.json")}


def test_each_fold_draws_its_own_unlabelled_subjects(tmp_path):
    for number in range(40):
        (tmp_path / "x" / f"s{number:02d}").mkdir(parents=True)
    gather({"collections": {"X": [str(tmp_path / "x")]}, "folds": 2, "unlabelled": 0.5}, tmp_path / "out")
    draws = [{path.name for path in (tmp_path / "out" / f"fold{number}_unlabelled").iterdir()} for number in range(2)]
    # each fold has 20 training subjects of which 10 are set aside; the same hash would set aside the first of the order
    first = [
        set(in_drawn_order(json.loads((tmp_path / "out" / f"fold{n}.json").read_text())["training"])[:10])
        for n in range(2)
    ]
    assert all(len(draw) == 10 for draw in draws) and draws[0] != first[0] and draws[1] != first[1]


def test_an_unknown_collection_without_labels_is_refused(real, tmp_path):
    with pytest.raises(UserError, match="names 'UCSF': choose from GLI, SSA"):
        gather(real | {"unlabelled": ["UCSF"]}, tmp_path / "out")


def test_subjects_of_one_patient_share_a_fold():
    for other in "bcdef":
        folds = draw_folds({"x": list("abcdef")}, 3, [["a", other]])
        assert [fold for fold in folds if "a" in fold] == [fold for fold in folds if other in fold]


def test_time_points_of_one_patient_share_a_fold_by_their_names():
    names = [f"BraTS-GLI-{number:05d}-{time:03d}" for number in range(4) for time in range(2)]
    for fold in draw_folds({"GLI": names}, 2):
        assert len(fold) == 4 and len({name[:15] for name in fold}) == 2


def test_the_draw_does_not_depend_on_the_order():
    assert draw_folds({"x": ["a", "b", "c"]}, 2) == draw_folds({"x": ["c", "b", "a"]}, 2)


def test_a_missing_folder_is_refused(real, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist: correct it in the plan"):
        gather(real | {"collections": {"GLI": ["nowhere"]}}, tmp_path / "out")


def test_cases_get_the_patients_that_the_plan_knows():
    cases = pd.DataFrame({"subject": ["a", "b", "c_2020"], "patient": ["a", "b", "c"]})
    assert with_patients(cases, [["a", "b"]]).patient.tolist() == ["a", "a", "c"]


def test_a_patient_or_a_name_in_two_collections_is_refused(real, tmp_path):
    for pair, places in ((["G1", "S2"], "GLI and SSA"), (["K1", "G1"], "GLI and trained")):
        with pytest.raises(UserError, match=f"The patient of {' and '.join(pair)} is in {places}: put these"):
            gather(real | {"same_patient": [pair]}, tmp_path / "out")
    (tmp_path / "ssa" / "G1").mkdir()
    with pytest.raises(UserError, match="The subject G1 is both in GLI and in SSA"):
        gather(real, tmp_path / "out")
    real["collections"] = {"GLI": [str(tmp_path / "gli"), str(tmp_path / "ssa")]}
    with pytest.raises(UserError, match="gli/G1 and .*ssa/G1 have the same name"):
        gather(real, tmp_path / "out")


def test_hidden_folders_are_no_subjects(real, tmp_path):
    (tmp_path / "gli" / ".cache").mkdir()
    gather(real, tmp_path / "out")
    assert not (tmp_path / "out" / "subjects" / ".cache").exists()

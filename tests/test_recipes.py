"""Every recipe trains, evaluates and segments, as its overlay says, on a tiny simulated cohort."""

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from scripts.common.errors import user_message
from tiny import ROOT, run, run_killed, tiny, workflow
from unpaired.test_recipes import TERMS as UNPAIRED

FROZEN = ("kd_net", "soft_targets", "emkd", "masked", "prototypes")
JOINT = ("choi2023", "consistency", "cosine", "mutual")
HEAVY = {"teacher_filters": [8, 16, 32]}
# What each recipe adds to the student's segmentation loss.
TERMS = {
    "no_distillation": set(),
    "kd_net": {"soft_targets", "latent_kl"},
    "emkd": {"soft_targets", "importance_maps", "region_affinity"},
    "masked": {"masked_targets"},
    "prototypes": {"soft_targets", "prototypes"},
    "soft_targets": {"soft_targets"},
    "consistency": {"teacher_segmentation", "consistency"},
    "cosine": {"teacher_segmentation", "projected_cosine"},
    "mutual": {"teacher_segmentation", "mutual"},
    "choi2023": {"teacher_segmentation", "barlow_twins"},
}


@pytest.fixture(scope="session")
def teachers(cohort, tmp_path_factory):
    """Folders of a teacher of the students' size and of a heavy one."""
    folder = tmp_path_factory.mktemp("teachers")
    for name, filters in (("same", [4, 8, 16]), ("heavy", HEAVY["teacher_filters"])):
        keys = tiny(cohort, output_dir=str(folder / name), epochs=1, filters=filters)
        run("train.json", "train_teacher.json", **keys)
    return folder


def _keys(cohort, recipe, teachers, **more):
    keys = tiny(cohort, epochs=1, **more)
    keys["teacher_from"] = str(teachers / ("heavy" if recipe == "emkd" else "same"))
    return keys | (HEAVY if recipe == "emkd" else {})


@pytest.mark.parametrize("recipe", TERMS)
def test_recipe_trains_evaluates_and_segments(recipe, cohort, teachers, tmp_path):
    trained = tmp_path / "trained"
    keys = _keys(cohort, recipe, teachers, student_modalities=["flair"])
    before = {p: p.stat().st_mtime_ns for p in teachers.rglob("teacher.pt")}
    started = run("train.json", f"{recipe}.json", **keys, output_dir=str(trained))
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    assert set(values) == {"loss", "student_segmentation"} | TERMS[recipe]
    assert all(value.isfinite() for value in values.values())
    assert (trained / "teacher.pt").is_file() == (recipe in JOINT)
    assert before == {p: p.stat().st_mtime_ns for p in teachers.rglob("teacher.pt")}
    record = json.loads((trained / "model.json").read_text())
    assert record["sequences"] == ["flair"]

    run(
        "train.json",
        f"{recipe}.json",
        "evaluate.json",
        **keys,
        ckpt_dir=str(trained),
        output_dir=str(tmp_path / "evaluation"),
    )
    networks = {"student"} | ({"teacher"} if recipe != "no_distillation" else set())
    networks |= {"ensemble"} if recipe == "mutual" else set()
    assert set(pd.read_csv(tmp_path / "evaluation" / "cases.csv")["network"]) == networks

    shared = {key: keys[key] for key in ("bundle_root", "spacing", "filters", "device", "student_modalities")}
    out = {"dataset_dir": cohort, "ckpt_dir": str(trained), "output_dir": str(tmp_path / "segmentations")}
    run("inference.json", kind="infer", **shared, **out)
    assert len(list((tmp_path / "segmentations").rglob("*_seg.nii.gz"))) == 4


def test_default_is_joint_training_with_deep_supervision_and_barlow_twins_from_the_shipped_teacher(cohort, tmp_path):
    keys = tiny(cohort, output_dir=str(tmp_path / "o"), epochs=1)
    keys |= {"filters": [16, 32, 64, 128], "patches_per_epoch": 2}
    keys |= {"objective#terms#barlow_twins#ramp": 0, "objective#terms#barlow_twins#loss#project_dim": 8}
    started = run("train.json", **keys)
    distiller = started.parser.get_parsed_content("distiller")
    assert set(distiller.objective.terms) == {"teacher_segmentation", "student_segmentation", "barlow_twins"}
    image = torch.randn(1, 4, 32, 32, 32)
    assert [len(distiller.run(name, image).logits) for name in ("teacher", "student")] == [3, 3]
    record = json.loads((tmp_path / "o" / "model.json").read_text())
    shipped = str(ROOT / "models" / "teacher.pt")
    assert record["starts_from"] == {"teacher": shipped, "student": shipped} and record["teacher_training"] == "joint"
    assert (tmp_path / "o" / "teacher.pt").is_file()
    assert record["gradient_ratios"]["barlow_twins"] > 0


def test_every_overlay_that_is_a_recipe_is_tested():
    others = {"train", "evaluate", "inference", "multi_gpu_train", "full", "metadata", "train_teacher", "train_all"}
    others |= {"any_subset", "self_distillation", "ensemble_inference", "batch_inference", "with_real", "unlabelled"}
    others |= {"unpaired", *UNPAIRED}
    assert set(TERMS) == {path.stem for path in (ROOT / "configs").glob("*.json")} - others


def test_control_differs_from_the_default_in_the_distillation_alone():
    parsers = [ConfigParser(), ConfigParser()]
    for parser, files in zip(parsers, (["train.json"], ["train.json", "no_distillation.json"])):
        parser.read_config([str(ROOT / "configs" / file) for file in files])
    default, control = (parser.config for parser in parsers)
    assert control["objective"]["terms"].pop("barlow_twins") is None
    default["objective"]["terms"].pop("barlow_twins")
    assert default.pop("teacher_training") == "joint" and control.pop("teacher_training") == "none"
    assert default["provenance"].pop("recipe") != control["provenance"].pop("recipe")
    assert default == control


@pytest.mark.parametrize("profile", ["train", "full", "multi_gpu_train", "train_all"])
def test_barlow_twins_runs_in_every_shipped_profile(profile):
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / f"{name}.json") for name in dict.fromkeys(("train", profile))])
    term = parser["objective"]["terms"]["barlow_twins"]
    latent = [math.ceil(size / 2 ** (len(parser["filters"]) - 1)) for size in parser["patch_size"]]
    dim = parser.get_parsed_content("objective#terms#barlow_twins#loss#project_dim")
    # four voxels for each projected channel, see scripts/losses/barlow_twins.py
    assert term["weight"] > 0 and math.prod(latent) * parser["batch_size"] >= 4 * dim


@pytest.mark.parametrize("recipe", ["kd_net", "no_distillation"])
def test_recipe_without_its_teacher_says_how_to_get_one(recipe, cohort, tmp_path):
    with pytest.raises(Exception) as caught:
        run("train.json", f"{recipe}.json", **tiny(cohort, output_dir=str(tmp_path / "o"), teacher_from=None))
    assert "--teacher_from" in user_message(caught.value) and "train_teacher.json" in user_message(caught.value)


def test_two_recipes_are_combined_by_listing_both_overlays(cohort, teachers, tmp_path):
    keys = _keys(cohort, "kd_net", teachers, output_dir=str(tmp_path / "o"))
    started = run("train.json", "kd_net.json", "masked.json", **keys)
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    assert set(values) == {"loss", "student_segmentation", "soft_targets", "latent_kl", "masked_targets"}
    assert started.parser.get_parsed_content("warm_start") is True


def test_frozen_teacher_does_not_change_and_warm_student_starts_from_it(cohort, teachers, tmp_path):
    keys = _keys(cohort, "kd_net", teachers, output_dir=str(tmp_path / "o"), warm_start=True)
    started = workflow("train.json", "kd_net.json", **keys)
    started.initialize()
    started.parser.get_parsed_content("run#0")
    started.parser.get_parsed_content("run#1")
    state = torch.load(teachers / "same" / "teacher.pt", weights_only=True)
    student = started.parser.get_parsed_content("student").state_dict()
    first = "input_block.conv1.conv.weight"
    torch.testing.assert_close(student[first], state[first][:, [1, 3]] * 2)  # 4 sequences / 2
    assert torch.equal(student["bottleneck.conv1.conv.weight"], state["bottleneck.conv1.conv.weight"])
    started.run()
    after = started.parser.get_parsed_content("teacher").state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in state.items())


def test_one_run_trains_every_student_and_resumes_with_the_student_whose_turn_it_is(cohort, tmp_path):
    subsets = [["flair"], ["t1", "t2"], ["t1ce"]]
    keys = tiny(cohort, student_subsets=subsets, students_per_step=2, epochs=3, patches_per_epoch=2, batch_size=1)
    keys |= {"student_turns": {"flair": 2}}
    files = ("train.json", "train_all.json")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(*files, **keys, output_dir=str(whole))
    run_killed(*files, before=2, at_step=3, **keys, output_dir=str(parts))  # the second epoch's first step
    run(*files, **keys, output_dir=str(parts), resume=True)
    one, other = (torch.load(Path(f) / "last.pt", weights_only=True)["distiller"] for f in (whole, parts))
    assert int(one["steps"]) == int(other["steps"]) == 6
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-5, rtol=1e-4)
    names = {"teacher.pt", "model_flair.pt", "model_t1_t2.pt", "model_t1ce.pt"}
    assert {path.name for path in whole.glob("*.pt")} == names | {"last.pt"}
    assert json.loads((whole / "model_flair.json").read_text())["student_turns"] == {"flair": 2}

    run(*files, "evaluate.json", **keys, ckpt_dir=str(whole), output_dir=str(tmp_path / "evaluation"))
    cases = pd.read_csv(tmp_path / "evaluation" / "cases.csv")
    assert set(cases["network"]) == {"teacher", "flair", "t1+t2", "t1ce"}
    shared = {key: keys[key] for key in ("bundle_root", "spacing", "filters", "device")}
    out = {"dataset_dir": cohort, "ckpt_dir": str(whole), "output_dir": str(tmp_path / "segmentations")}
    run("inference.json", kind="infer", **shared, **out, student_modalities=["t2", "t1"])
    assert len(list((tmp_path / "segmentations").rglob("*_seg.nii.gz"))) == 4


def test_all_students_learn_from_a_frozen_teacher_that_stays_as_it_is(cohort, teachers, tmp_path):
    keys = _keys(cohort, "kd_net", teachers, student_subsets=[["flair"], ["t1ce"]], students_per_step=2)
    files = ("train.json", "kd_net.json", "train_all.json")
    started = run(*files, **keys, output_dir=str(tmp_path / "o"))
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    assert set(values) == {"loss", "student_segmentation", "soft_targets", "latent_kl"}
    after = started.parser.get_parsed_content("teacher").state_dict()
    state = torch.load(teachers / "same" / "teacher.pt", weights_only=True)
    assert all(torch.equal(after[name], tensor) for name, tensor in state.items())


def test_real_subjects_are_trained_on_beside_simulated_ones(cohort, teachers, one_subject, tmp_path):
    keys = _keys(cohort, "no_distillation", teachers, output_dir=str(tmp_path / "o"), patches_per_epoch=6)
    keys |= {"real#dataset_dir": str(one_subject), "real#share": 0.5}
    started = workflow("train.json", "with_real.json", **keys)
    started.initialize()
    drawn = [item["subject"] for item in started.parser.get_parsed_content("train#dataset").data]
    assert len(drawn) == 3 and one_subject.name in drawn
    assert started.parser.get_parsed_content("train#sampler").weights.tolist() == [0.25, 0.25, 0.5]
    started.run()
    record = json.loads((tmp_path / "o" / "model.json").read_text())
    assert record["real_subjects"] == [one_subject.name] and record["training_subjects"] == 2


@pytest.mark.parametrize("recipe", [(), ("kd_net",), ("train_all",), ("no_distillation",)])
def test_scans_without_label_maps_teach_the_students_by_the_teachers_labels(cohort, one_subject, tmp_path, recipe):
    files = ("train.json", *(f"{name}.json" for name in recipe), "unlabelled.json")
    keys = tiny(cohort, epochs=1, filters=[16, 32, 64, 128], spacing=4.0, output_dir=str(tmp_path / "o"))
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    shutil.copy(ROOT / "models" / "teacher.pt", teacher)  # without its record, so that it may run at 4 mm
    keys |= {"unlabelled_dir": str(one_subject), "unlabelled_share": 1.0, "teacher_from": str(teacher)}
    keys |= {"student_subsets": [["flair"]], "students_per_step": 1} if "train_all" in recipe else {}
    keys |= {"unlabelled_labels": "confident"} if "no_distillation" in recipe else {}
    if recipe in ((), ("train_all",)):
        keys["objective#terms#barlow_twins#loss#project_dim"] = 8
    started = run(*files, **keys)
    loaded = started.parser.get_parsed_content("train#dataset")[-1][0]
    assert not loaded["expert"] and loaded["label"].shape[0] == 3
    segmentation = started.parser.get_parsed_content("objective").terms["student_segmentation"].loss
    assert segmentation.confident == ("no_distillation" in recipe)
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    # every patch is of the scan without a label map: nothing teaches the teacher
    assert "student_segmentation" in values and "teacher_segmentation" not in values
    name = "model_flair.json" if "train_all" in recipe else "model.json"
    record = json.loads((tmp_path / "o" / name).read_text())
    assert record["unlabelled_subjects"] == [one_subject.name] and "real_subjects" not in record


@pytest.mark.parametrize("place", ["parts", "real_subjects"])
def test_a_subject_that_is_held_out_is_not_trained_on_without_its_label(place, one_subject):
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / f"{name}.json") for name in ("train", "with_real", "unlabelled")])
    nothing = {"training": [], "validation": [], "test": []}
    held_out = nothing | {"test": [{"subject": one_subject.name}]}
    parser.update({"unlabelled_dir": str(one_subject), "parts": nothing, "real_subjects": nothing} | {place: held_out})
    with pytest.raises(Exception) as caught:
        parser.get_parsed_content("unlabelled_subjects")
    assert f"has {one_subject.name}, whose patient is held out" in user_message(caught.value)


def test_one_network_for_any_subset_trains_and_is_evaluated_in_each_subset(cohort, tmp_path):
    keys = tiny(cohort, epochs=1, student_subsets=[["flair"], ["t1ce", "t2"]])
    run("train.json", "any_subset.json", **keys, output_dir=str(tmp_path / "trained"))
    out = {"ckpt_dir": str(tmp_path / "trained"), "output_dir": str(tmp_path / "evaluation")}
    run("train.json", "any_subset.json", "evaluate.json", **keys, **out)
    cases = pd.read_csv(tmp_path / "evaluation" / "cases.csv")
    assert dict(zip(cases["network"], cases["sequences"])) == {"flair": "flair", "t1ce+t2": "t1ce+t2"}


def test_the_any_subset_network_teaches_itself(cohort, tmp_path):
    keys = tiny(cohort, epochs=1, student_subsets=[["flair"]], gradient_ratio_interval=1)
    started = run("train.json", "any_subset.json", "self_distillation.json", **keys, output_dir=str(tmp_path))
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    assert set(values) == {"loss", "teacher_segmentation", "student_segmentation", "soft_targets"}
    record = json.loads((tmp_path / "any_subset.json").read_text())
    assert record["gradient_ratios"]["soft_targets"] > 0


def test_unknown_way_to_train_the_teacher_is_refused(cohort, tmp_path):
    with pytest.raises(Exception) as caught:
        run("train.json", **tiny(cohort, output_dir=str(tmp_path / "o"), teacher_training="both"))
    assert "teacher_training is 'both'" in user_message(caught.value)

"""Misspelt keys and impossible values are refused in a sentence."""

import re

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import UserError, user_message
from scripts.research.runs import configs
from scripts.training.check_config import RENAMED, check_config
from tiny import ROOT, TINY, workflow

READ = {
    *("window", "patch_size", "wt_range_ml", "ckpt_dir", "clip_norm", "learning_rate", "unenhanced"),
    *("initial_probability", "patches_per_epoch", "batch_size", "load_ahead", "teacher_filters"),
}


def _check(**keys):
    config = {
        "epochs": 3,
        "spacing": 2.0,
        "amp": True,
        "run": [f"$print(@epochs, @spacing, @amp, @student_modalities{', @part' if 'part' in keys else ''})"],
    }
    config["student_modalities"] = ["flair"]
    config["evaluator"] = [f"@{key}" for key in keys if key in READ]
    parser = ConfigParser({**config, **keys})
    parser.parse()
    check_config(parser)


def test_good_config_passes():
    _check()


@pytest.mark.parametrize(
    "key, near", [("epoch", "epochs"), ("spacng", "spacing"), ("student_modality", "student_modalities")]
)
def test_misspelt_key_is_refused_with_the_nearest(key, near):
    with pytest.raises(UserError, match=f"Nothing reads the key '{key}': did you mean '{near}'"):
        _check(**{key: 1})


def test_key_that_resembles_none_is_refused_with_the_list():
    with pytest.raises(UserError, match="'wurst'; the keys are: amp, epochs, spacing, student_modalities"):
        _check(wurst=1)


def test_an_interval_of_validations_may_be_longer_than_the_training_but_not_zero():
    _check(val_interval=4)
    with pytest.raises(UserError, match="val_interval is 0, but must be a whole number of at least 1"):
        _check(val_interval=0)


@pytest.mark.parametrize("name, near", [("tset", "split#test"), ("sede", "split#seed")])
def test_misspelt_key_in_a_table_is_refused_with_the_nearest_of_that_table(name, near):
    with pytest.raises(UserError, match=f"Nothing reads the key 'split#{name}': did you mean '{near}'"):
        _check(split={name: 0.2}, train={}, dataset="@split#test")


def test_new_key_that_something_reads_is_welcome():
    _check(tau=2.0, loss={"_target_": "torch.nn.Identity", "temperature": "@tau"}, evaluator="@loss")


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("epochs", 0, "epochs is 0, but must be a whole number of at least 1"),
        ("clip_norm", -1, "clip_norm is -1, but must be a number above 0"),
        ("learning_rate", 0, "learning_rate is 0, but must be a number above 0"),
        ("learning_rate", float("nan"), "learning_rate is nan, but must be a number above 0"),
        ("learning_rate", float("inf"), "learning_rate is inf"),
        ("learning_rate", "fast", "learning_rate is 'fast', but must be a number"),
        ("unenhanced", 7, "unenhanced is 7, but must be a number of at least 0 and at most 1"),
        ("initial_probability", 1.0, "initial_probability is 1.0, but must be a number above 0 and below 1"),
        ("patches_per_epoch", 0, "patches_per_epoch is 0, but must be a whole number of at least 1"),
        ("student_modalities", 5, "student_modalities is 5, but must be a list"),
        ("epochs", 2.5, "epochs is 2.5, but must be a whole number"),
        ("spacing", "two", "spacing is 'two', but must be a number of at least 0.3"),
        ("part", "tset", "part is 'tset', but must be one of .*'test'"),
        ("amp", "yes", "amp is 'yes', but must be true or false"),
        ("student_modalities", ["flare"], "flare.*flair"),
        ("student_modalities", [], "No sequence was chosen"),
        ("window", 64, r"window is 64, but must be 3 whole numbers such as \[64, 64, 64\]"),
        ("patch_size", [64, 64], "patch_size is .64, 64., but must be 3 whole numbers"),
        ("filters", [16], r"filters is \[16\], but must be a list such as \[16, 32, 64\]"),
        ("filters", [16, 32.5], "filters is .16, 32.5., but must be a list"),
        ("filters", [16, 32], "filters is .16, 32., but must be a list such as .* at least three levels"),
        ("teacher_filters", [16, 32], "teacher_filters is .16, 32., but must be a list"),
        ("wt_range_ml", [300, 1], "wt_range_ml is .300, 1.: give the smaller volume first"),
        ("ckpt_dir", 2024.5, "ckpt_dir is 2024.5, but must be a path: write it with a folder, such as ./2024.5"),
        ("device", "cuda:99", "device is 'cuda:99', which this machine or this build of torch does not have"),
        ("device", "gpu", "device is 'gpu', which this machine"),
        ("device", "meta", "device is 'meta', which this machine"),
        ("wt_range_ml", [float("nan"), 300], "wt_range_ml is .nan, 300., but must be two volumes"),
        ("wt_range_ml", [True, False], "wt_range_ml is .True, False., but must be two volumes"),
        ("ckpt_dir", None, "ckpt_dir is None, but must be a path"),
        ("ckpt_dir", "", "ckpt_dir is empty, but must be a path"),
        ("load_ahead", 1000, "load_ahead is 1000, but must be a whole number of at least 0 and at most 64"),
    ],
)
def test_impossible_value_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        _check(**{key: value})


def test_a_batch_that_no_epoch_can_fill_is_refused():
    with pytest.raises(UserError, match="batch_size is 4, but an epoch has only 2 patches.*lower"):
        _check(batch_size=4, patches_per_epoch=2, train={})


def test_real_subjects_without_their_folder_are_refused_before_anything_is_simulated():
    with pytest.raises(UserError, match="real#dataset_dir is null: give the folder"):
        _check(real={"dataset_dir": None}, train={}, evaluator="@real#dataset_dir")


def test_scans_without_labels_need_their_folder_before_anything_is_simulated(tmp_path):
    for folder, what in ((None, "unlabelled_dir is null: give the folder"), ("nowhere", "which is no folder")):
        with pytest.raises(UserError, match=what):
            _check(
                unlabelled_dir=folder,
                unlabelled_subjects="$@unlabelled_dir",
                train={},
                evaluator="@unlabelled_subjects",
            )
    _check(
        unlabelled_dir=str(tmp_path), unlabelled_subjects="$@unlabelled_dir", train={}, evaluator="@unlabelled_subjects"
    )


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("training", -1, "simulated#training is -1, but must be a whole number of at least 1"),
        ("test", "x", "simulated#test is 'x', but must be a whole number of at least 0"),
    ],
)
def test_numbers_in_tables_are_checked_too(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        _check(simulated={key: value}, train={}, evaluator=f"@simulated#{key}")


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("fold", "a", "split#fold is 'a', but must be a whole number of at least 0"),
        ("split_file", 5, "split#split_file is 5, but must be a path, or null for none"),
        ("allow_shared_patients", "maybe", "split#allow_shared_patients is 'maybe', but must be true or false"),
    ],
)
def test_impossible_values_of_a_split_are_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        _check(split={key: value}, train={}, dataset=f"@split#{key}")
    _check(split={"fold": None, "split_file": None}, train={}, dataset="@split")


def test_a_switch_in_a_table_may_be_a_text_of_the_command_line():
    config = {"run": ["$1"], "dataset": "@split", "split": {"allow_shared_patients": "false"}, "train": {}}
    parser = ConfigParser(config)
    parser.parse()
    check_config(parser)
    assert parser.get_parsed_content("split") == {"allow_shared_patients": False}


@pytest.mark.parametrize("key, value", [("unlabelled_dir", "."), ("unlabelled_share", 0.5)])
def test_scans_without_labels_are_refused_where_their_overlay_is_not_listed(key, value):
    with pytest.raises(UserError, match=f"{key} is {value!r}, but has no effect: list configs/unlabelled.json"):
        _check(**{key: value}, train={}, dataset=f"@{key}")


def test_a_patch_that_the_networks_levels_cannot_halve_is_refused():
    keys = {"filters": [4, 8, 16], "train": {}, "evaluator": ["@patch_size", "@filters"]}
    _check(patch_size=[32, 36, 40], **keys)
    with pytest.raises(UserError, match=r"patch_size is \[32, 33, 40\], but must be multiples of 4.*\[32, 32, 40\]"):
        _check(patch_size=[32, 33, 40], **keys)


@pytest.mark.parametrize(
    "value, why", [("$1 / 0", "ZeroDivisionError: division by zero"), ("@clip_norm", "ValueError: detected circular")]
)
def test_a_value_that_cannot_be_evaluated_is_named(value, why):
    with pytest.raises(UserError, match=f"clip_norm cannot be evaluated .{why}"):
        _check(clip_norm=value)


def test_a_component_that_is_replaced_by_a_number_is_refused():
    with pytest.raises(UserError, match="split is None, but must be a table: leave it out, or correct it"):
        _check(split=None, train={}, dataset="@split")


def test_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    run = ["$check_config()", "$values.append(@output_dir)"]
    parser = ConfigParser(
        {"output_dir": "~/results", "run": run}, globals={"check_config": check_config, "values": (values := [])}
    )
    parser.get_parsed_content("run")
    assert values == ["/home/someone/results"]


def test_a_folder_whose_name_is_a_number_is_understood():
    run = ["$check_config()", "$values.append(@output_dir)"]
    parser = ConfigParser(
        {"output_dir": 2021, "run": run}, globals={"check_config": check_config, "values": (values := [])}
    )
    parser.get_parsed_content("run")
    assert values == ["2021"]


@pytest.mark.parametrize("text, value", [("true", True), ("false", False)])
def test_lower_case_truth_values_of_the_command_line_are_understood(text, value):
    run = ["$check_config()", "$values.append(@amp)"]
    parser = ConfigParser({"amp": text, "run": run}, globals={"check_config": check_config, "values": (values := [])})
    parser.get_parsed_content("run")
    assert values == [value] and values[0] is value


BARLOW_TWINS = "objective#terms#barlow_twins"


@pytest.mark.parametrize(
    "files, key",
    [
        (["train"], f"{BARLOW_TWINS}#loss#detach_teacher"),  # true in the config
        (["train"], "objective#terms#teacher_segmentation#needs_expert_label"),  # an expression in the config
        (["train"], f"{BARLOW_TWINS}#needs_expert_label"),  # an argument that no config sets
        (["train", "any_subset", "self_distillation"], "distiller#self_distillation"),
        (["train"], "train#dataloader#drop_last"),
        (["train"], "load_labelled#0#label"),  # in a list
        (["train", "with_real"], "real#split#allow_shared_patients"),  # in a table without a component
    ],
)
def test_false_on_the_command_line_is_false_at_every_switch(files, key, tmp_path):
    parser = ConfigParser()
    parser.read_config(configs(*files[1:]))
    given = {key: "false", "device": "cpu", "amp": "False", "bundle_root": str(ROOT)}
    parser.update(given | ({"real#dataset_dir": str(tmp_path)} if "with_real" in files else {}))
    parser.parse()
    check_config(parser)
    assert parser[key] is False and parser["amp"] is False
    if key.startswith(BARLOW_TWINS):
        term = parser.get_parsed_content(BARLOW_TWINS)
        assert (term.loss.detach_teacher if key.endswith("detach_teacher") else term.needs_expert_label) is False


def test_a_text_that_is_no_truth_value_is_refused_at_a_nested_switch():
    parser = ConfigParser()
    parser.read_config(configs())
    parser.update({f"{BARLOW_TWINS}#loss#detach_teacher": "no", "device": "cpu"})
    with pytest.raises(UserError, match="detach_teacher is 'no', but must be true or false"):
        check_config(parser)


def test_sequences_of_one_student_are_refused_where_all_are_trained():
    parser = ConfigParser()
    parser.read_config(configs("train_all"))
    parser.update({"student_modalities": ["flair"], "device": "cpu", "bundle_root": str(ROOT)})
    with pytest.raises(UserError, match="student_modalities is .'flair'., but has no effect with train_all.json"):
        check_config(parser)


@pytest.mark.parametrize("files, divisor", [((), 8), (("kd_net",), 8), (("no_distillation",), 4)])
def test_scans_are_padded_for_the_deepest_network_that_takes_part(files, divisor):
    parser = ConfigParser()
    parser.read_config(configs(*files))
    parser.update({"filters": [4, 8, 16], "teacher_filters": [4, 8, 16, 32], "device": "cpu", "amp": False})
    assert parser.get_parsed_content("inferer").divisor == divisor


@pytest.mark.parametrize("old, new", RENAMED.items())
def test_key_of_an_earlier_version_is_answered_with_its_new_name(old, new):
    with pytest.raises(UserError, match=re.escape(f"The key '{old}' was renamed to {new}.")):
        _check(**{old: 1})


def test_sequences_of_the_command_line_become_a_list_in_the_teachers_order():
    run = ["$check_config()", "$values.append(@student_modalities)"]
    parser = ConfigParser(
        {"student_modalities": "flair,t1ce", "run": run},
        globals={"check_config": check_config, "values": (values := [])},
    )
    parser.get_parsed_content("run")
    assert values == [["t1ce", "flair"]]


@pytest.mark.parametrize(
    "run_id, sentence",
    [
        ("trainning", "have no run 'trainning': did you mean 'training'?"),
        ("inference", "have no run 'inference': they have 'training'. 'inference' needs configs/inference.json"),
        ("evaluating", "'evaluating' needs \"['configs/train.json','configs/evaluate.json']\""),
    ],
)
def test_a_run_that_the_config_files_lack_is_refused_when_they_are_initialised(run_id, sentence):
    started = workflow("train.json", **TINY, run_id=run_id)
    with pytest.raises(Exception) as caught:
        started.initialize()
    assert sentence in user_message(caught.value)


def test_runs_that_the_config_files_have_are_initialised():
    workflow("train.json", **TINY, run_id="training").initialize()
    workflow("train.json", "evaluate.json", **TINY, run_id="evaluating").initialize()

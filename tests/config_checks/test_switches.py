# SPDX-License-Identifier: Apache-2.0
"""Switches may be texts of the command line, at any depth; other values are refused."""

import pytest
from scripts.common.errors import UserError
from scripts.config_checks.check_config import check_config

from tests.config_checks.helpers import check, checked_in_a_run, shipped

BARLOW_TWINS = "objective#terms#barlow_twins"


@pytest.mark.parametrize("text, value", [("true", True), ("false", False)])
def test_lower_case_truth_values_of_the_command_line_are_understood(text, value):
    assert checked_in_a_run("amp", text) == [value] and checked_in_a_run("amp", text)[0] is value


@pytest.mark.parametrize("key, value, sentence", [("amp", "yes", "amp is 'yes', but must be true or false")])
def test_a_text_that_is_no_truth_value_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})


def test_a_switch_in_a_table_may_be_a_text_of_the_command_line():
    parser = check(split={"allow_shared_patients": "false"}, train={}, dataset="@split")
    assert parser.get_parsed_content("split") == {"allow_shared_patients": False}
    with pytest.raises(UserError, match="split#allow_shared_patients is 'maybe', but must be true or false"):
        check(split={"allow_shared_patients": "maybe"}, train={}, dataset="@split")


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
    folder = {"real#dataset_dir": str(tmp_path)} if "with_real" in files else {}
    parser = shipped(*files[1:], **{key: "false", "amp": "False"}, **folder)
    parser.parse()
    check_config(parser)
    assert parser[key] is False and parser["amp"] is False
    if key.startswith(BARLOW_TWINS):
        term = parser.get_parsed_content(BARLOW_TWINS)
        assert (term.loss.detach_teacher if key.endswith("detach_teacher") else term.needs_expert_label) is False


def test_a_text_that_is_no_truth_value_is_refused_at_a_nested_switch():
    with pytest.raises(UserError, match="detach_teacher is 'no', but must be true or false"):
        check_config(shipped(**{f"{BARLOW_TWINS}#loss#detach_teacher": "no"}))

# SPDX-License-Identifier: Apache-2.0
"""The arguments of components are found."""

import pytest
from scripts.config_checks.components import arguments_of, full_name, switches_of


def test_the_arguments_of_a_component_are_those_of_its_function_or_class():
    term = {"_target_": "scripts.losses.objective.Term", "weight": 1.0}
    assert arguments_of(term) == {"loss", "weight", "start", "ramp", "needs_expert_label"}
    assert switches_of(term) == {"needs_expert_label"}


@pytest.mark.parametrize("target", ["$@loss", "no.such.Loss", "builtins.dict"])
def test_a_component_that_cannot_be_told_may_take_any_argument(target):
    assert arguments_of({"_target_": target}) is None and switches_of({"_target_": target}) == set()


def test_a_table_that_is_no_component_has_no_switches():
    assert switches_of({"amp": True}) == set()


def test_components_of_monai_are_found_without_their_module():
    assert full_name("DynUNet") == "monai.networks.nets.dynunet.DynUNet"

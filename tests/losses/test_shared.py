# SPDX-License-Identifier: Apache-2.0
"""What the distillation losses refuse, in words."""

import math

import pytest
import torch

from scripts.losses.shared import check_same_grid, layer_paths, positive_temperature


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan])
def test_temperature_must_be_positive_and_finite(temperature):
    with pytest.raises(ValueError, match="must be positive and finite"):
        positive_temperature(temperature)


def test_taps_of_a_config_become_a_tuple():
    assert layer_paths(["input_block", "bottleneck"]) == ("input_block", "bottleneck")


@pytest.mark.parametrize("layers", [[], ["bottleneck", "bottleneck"]])
def test_no_tap_and_a_tap_named_twice_are_refused(layers):
    with pytest.raises(ValueError, match="at least one module path, and each once"):
        layer_paths(layers)


def test_a_bare_text_is_refused_with_the_list_it_should_be():
    with pytest.raises(ValueError, match=r"\['bottleneck'\]"):
        layer_paths("bottleneck")


def test_grids_are_compared_and_channels_are_not():
    check_same_grid(torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 3, 4, 4, 4), "bottleneck")
    with pytest.raises(ValueError, match=r"'bottleneck'.*\(4, 4, 4\).*\(2, 4, 4\)"):
        check_same_grid(torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 2, 2, 4, 4), "bottleneck")

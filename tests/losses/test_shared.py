# SPDX-License-Identifier: Apache-2.0
"""What the distillation losses refuse, in words."""

import math

import pytest
import torch
from scripts.losses.shared import (
    EXCLUSIVE_REGIONS,
    check_same_grid,
    exclusive_regions,
    latent_foreground,
    layer_paths,
    positive_temperature,
    region_means,
    voxels_as_samples,
)


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


# (tc, wt, et) of one voxel of each exclusive region, in their order
NESTED = {"background": (0, 0, 0), "oedema": (0, 1, 0), "core": (1, 1, 0), "enhancing": (1, 1, 1)}


def _label(*regions):
    return torch.tensor([NESTED[region] for region in regions]).T.reshape(1, 3, -1, 1, 1).float()


def test_each_voxel_lies_in_its_own_region_alone():
    torch.testing.assert_close(exclusive_regions(_label(*EXCLUSIVE_REGIONS))[0, :, :, 0, 0], torch.eye(4))


def test_means_by_hand_and_absent_regions():
    # background 1 and 3: mean 2; enhancing 8; no oedema, no core
    features = torch.tensor([1.0, 8.0, 3.0]).reshape(1, 1, 3, 1, 1)
    means, present = region_means(features, _label("background", "enhancing", "background"))
    assert means[0, :, 0].tolist() == [2, 0, 0, 8]
    assert present.tolist() == [[True, False, False, True]]


def test_label_is_sampled_at_the_centre_of_coarse_voxels():
    # from 4 voxels to 2 the nearest ones are 1 and 3; the enhancing voxel 0 is lost
    label = _label("enhancing", "oedema", "core", "background")
    means, present = region_means(torch.tensor([5.0, 6.0]).reshape(1, 1, 2, 1, 1), label)
    assert present.tolist() == [[True, True, False, False]] and means[0, :2, 0].tolist() == [6, 5]


def test_cases_are_kept_apart():
    label = torch.cat([_label("background", "core"), _label("core", "core")])
    means, present = region_means(torch.tensor([1.0, 2.0, 3.0, 5.0]).reshape(2, 1, 2, 1, 1), label)
    assert means[:, :, 0].tolist() == [[1, 0, 2, 0], [0, 0, 4, 0]]
    assert present.tolist() == [[True, False, True, False], [False, False, True, False]]


def test_samples_are_voxels_in_the_order_of_their_foreground():
    # two cases of two channels on a grid of 5 x 5 x 5; the tumour of the second lies in the corner (4, 4, 4)
    features = torch.arange(2 * 2 * 125.0).reshape(2, 2, 5, 5, 5)
    label = torch.zeros(2, 3, 5, 5, 5)
    label[1, :, 4, 4, 4] = 1
    samples, foreground = voxels_as_samples(features), latent_foreground(label, features.shape[2:])
    assert samples.shape == (250, 2) and foreground.shape == (250,)
    assert samples[-1].tolist() == features[1, :, 4, 4, 4].tolist()
    # of the corner and the voxels that touch it, 2 x 2 x 2
    corner = features[1, :, 3:, 3:, 3:].flatten(1).T
    assert torch.equal(samples[foreground], corner)

# SPDX-License-Identifier: Apache-2.0
"""What a scanner adds to an ideal image."""

import torch
from scripts.simulation.acquisition import (
    ZERO_SIGNAL,
    add_acquisition_effects,
    rician_noise,
    skull_strip_rim,
    slice_matrix,
    truncate_one_sequence,
)
from scripts.simulation.smooth_fields import Draws

SIZE = 16


def draws(seed: int = 0) -> Draws:
    return Draws(seed, (SIZE,) * 3, 2.0, torch.device("cpu"))


def brain() -> torch.Tensor:
    """A cube of full coverage with a margin of 3 voxels."""
    coverage = torch.zeros(SIZE, SIZE, SIZE)
    coverage[3:-3, 3:-3, 3:-3] = 1
    return coverage


def test_strength_0_changes_nothing_in_the_brain_and_removes_the_rest():
    image = torch.full((4, SIZE, SIZE, SIZE), 0.5)
    assert torch.equal(add_acquisition_effects(image.clone(), brain(), draws(), 0.0), image * brain())


def test_noise_at_no_strength_is_identity():
    signal = torch.full((4, SIZE, SIZE, SIZE), 3.0)
    torch.testing.assert_close(rician_noise(signal, draws(), 0.0), signal)


def test_noise_never_makes_a_negative_signal():
    assert (rician_noise(torch.zeros(4, SIZE, SIZE, SIZE), draws(), 5.0) >= 0).all()


def test_thick_slices_keep_a_constant_and_smooth_a_point():
    matrix = slice_matrix(SIZE, 3.0, 0.4)
    torch.testing.assert_close(matrix @ torch.ones(SIZE), torch.ones(SIZE))
    assert (matrix @ torch.eye(SIZE)[8]).max() < 0.6


def test_the_rim_is_darkest_at_the_edge_and_the_middle_untouched():
    signal = skull_strip_rim(torch.ones(4, SIZE, SIZE, SIZE), brain(), draws(), 1.0)
    assert (signal[:, 3, 8, 8] < signal[:, 4, 8, 8]).all()
    torch.testing.assert_close(signal[:, 8, 8, 8], torch.ones(4), atol=0.02, rtol=0)


def test_a_voxel_half_outside_loses_half_its_signal_at_2_mm():
    coverage = torch.full((SIZE, SIZE, SIZE), 0.5)
    # blurred coverage is 0.5 too: the factor 0.5 of averaging times 1 - amount * 0.5, amount 0.2 to 1.2
    signal = skull_strip_rim(torch.ones(4, SIZE, SIZE, SIZE), coverage, draws(), 1.0)[:, 8, 8, 8]
    assert ((signal > 0.5 * 0.4 - 1e-6) & (signal < 0.5 * 0.9 + 1e-6)).all()


def test_a_sequence_that_ends_early_is_exactly_zero_there_and_only_there():
    image = torch.ones(4, SIZE, SIZE, SIZE)
    cut = truncate_one_sequence(image, draws(), 50.0)  # 2% times 50: always
    assert sum(bool((channel == 0).any()) for channel in cut) == 1
    assert 0 < (cut == 0).float().mean() <= 0.33 / 4


def test_a_dark_voxel_does_not_fall_below_no_signal():
    image = torch.full((4, SIZE, SIZE, SIZE), -9.0)
    result = add_acquisition_effects(image, brain(), draws(), 1.0)[:, 8, 8, 8]
    # no signal is -ZERO_SIGNAL; bend and z-score errors move it by 2.5 spreads at most: 1.25 * (3.6 + 0.75) + 0.3
    assert (result > -1.25 * (ZERO_SIGNAL + 0.75) - 0.3).all()

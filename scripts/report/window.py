# SPDX-License-Identifier: Apache-2.0
"""The grey levels of a sequence: which value is shown black and which white."""

import numpy as np

BLACK, WHITE = 0.5, 99.5  # percentiles
SAMPLE_MM = 2.0
SIDE = 3  # samples, so that a cube has a side of 6 mm
HEADROOM = 1.25  # so that a small enhancing tumour stays brighter than the brain around it


def window(volume: np.ndarray, sizes_mm) -> tuple[float, float]:
    """The values that are shown black and white, so that bright vessels do not darken the brain.

    Black is the 0.5th percentile of the brain. White lies a quarter further from it than the 99.5th percentile of the
    medians of cubes of 6 mm that lie in the brain. A vessel fills less than half of such a cube, so it has no part in
    the median; a tumour has.

    Args:
        volume: (X, Y, Z), background 0.
        sizes_mm: of a voxel, three, in the order of the volume's axes.

    Returns:
        black and white, the second larger; 0 and 1 without a brain.
    """
    steps = [max(1, round(SAMPLE_MM / size)) for size in sizes_mm]
    samples = volume[:: steps[0], :: steps[1], :: steps[2]]
    brain = samples[samples != 0]
    if not brain.size:
        return 0.0, 1.0
    cubes = _cubes(samples)
    inside = cubes[(cubes != 0).all(axis=1)]
    black = float(np.percentile(brain, BLACK))
    bright = float(np.percentile(np.median(inside, axis=1) if len(inside) else brain, WHITE))
    return black, max(black + HEADROOM * (bright - black), black + 1e-6 * max(1.0, abs(black)))


def _cubes(samples: np.ndarray) -> np.ndarray:
    """The samples of each cube, (cubes, SIDE ** 3); what is left at the end of an axis is left out."""
    counts = [length // SIDE for length in samples.shape]
    whole = samples[tuple(slice(count * SIDE) for count in counts)]
    split = whole.reshape(counts[0], SIDE, counts[1], SIDE, counts[2], SIDE)
    return split.transpose(0, 2, 4, 1, 3, 5).reshape(-1, SIDE**3)

# SPDX-License-Identifier: Apache-2.0
"""The values of a label map that was read as numbers of any kind."""

import numpy as np
from scripts.common.errors import ScanError
from scripts.common.foreground import bounding_box

# A slope in the header may leave 0.99999 of 1.
ROUNDING = 1e-3
# The largest whole number up to which float32, as files are read, holds each one.
LARGEST = 2**24


def whole_numbers(subject: str, path, label) -> np.ndarray:
    """A label map's values as int32, rounded where they are almost whole.

    Only the box of the voxels that are not 0 is looked at, which takes a tenth of the time of a whole scan.

    Args:
        subject, path: whose map it is and from which file, for the message.
        label: numbers (X, Y, Z), array or CPU tensor.

    Returns:
        int32 (X, Y, Z).

    Raises:
        ScanError: a value is farther than `ROUNDING` from a whole number, beyond `LARGEST`, or none at all (NaN).
    """
    label = np.asarray(label)
    box = bounding_box(label != 0)
    given = label[box].astype(np.float64)
    whole = np.rint(given.clip(-LARGEST, LARGEST))
    fits = np.abs(given - whole) < ROUNDING  # false for NaN and infinity
    if not fits.all():
        raise ScanError(
            f"{subject}: {path} holds {float(given[~fits][0]):g}, which is no label: labels are small whole numbers, so "
            "threshold probabilities, and resample label maps by nearest neighbours, not by interpolation."
        )
    values = np.zeros(label.shape, np.int32)
    values[box] = whole
    return values

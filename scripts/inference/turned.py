# SPDX-License-Identifier: Apache-2.0
"""Recognise by the brain's shape that a scan does not lie as its header says.

A brain is symmetric from left to right. Its top is a smooth dome, its base is jagged. Its back is fuller than its front.
Left exchanged with right cannot be recognised.
"""

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from nibabel.affines import voxel_sizes
from scripts.common.foreground import cut_to_brain

# Shorter boxes hold part of a brain, whose shape tells nothing.
WHOLE_MM = 100.0
# Slices at this distance from either end are compared.
END_MM = (6.0, 30.0)
# Below these a brain is flagged. The least of 49 real subjects were -0.04, -0.25 and -0.11, those of 60 simulated ones
# -0.01, 0.68 and 0.13, and the limits lie below them:
# none is flagged. With turned headers, these are: back to front 44, upside down 32, turned by 180 degrees about the axis
# from the base to the top 44 or from left to right 47, left exchanged with front or top 47, front with top 8.
LEAST = {"symmetry": -0.06, "dome": -0.35, "fullness": -0.15}
SENTENCES = {
    "symmetry": "the brain is not most symmetric from left to right",
    "dome": "the brain's top is more jagged than its base",
    "fullness": "the brain is fuller in front than at the back",
}


class TurnedBraind(MapTransform):
    """Add ``turned``: what speaks against the orientation in the header, a clause, or None.

    Args:
        keys: of the image.
    """

    def __init__(self, keys: KeysCollection = "image") -> None:
        super().__init__(keys)

    def __call__(self, data):
        """
        Args:
            data: with the image (C, X, Y, Z), 0 outside the brain, a MetaTensor whose axes run to the right, the front
                and the top.
        """
        image = data[self.keys[0]]
        sizes = voxel_sizes(image.affine.cpu().numpy())
        (brain,) = cut_to_brain((image.as_tensor() != 0).any(dim=0, keepdim=True).cpu().numpy())
        return dict(data) | {"turned": turned(brain, sizes)}


def turned(brain: np.ndarray, sizes_mm) -> str | None:
    """What is wrong with the orientation of a brain (X, Y, Z), bool, that fills its box; None if nothing is."""
    if min(np.multiply(brain.shape, sizes_mm), default=0) < WHOLE_MM:
        return None
    measured = {"symmetry": symmetry(brain), "dome": dome(brain, sizes_mm[2]), "fullness": fullness(brain)}
    return next((SENTENCES[name] for name, value in measured.items() if value < LEAST[name]), None)


def symmetry(brain: np.ndarray) -> float:
    """How much more a brain equals its mirror image from left to right than along another axis: a difference of Dice.

    Args:
        brain: (X, Y, Z), bool, in its box.
    """
    left, *others = ((brain & np.flip(brain, axis)).sum() / brain.sum() for axis in range(3))
    return float(left - max(others))


def dome(brain: np.ndarray, size_mm: float) -> float:
    """How much more jagged a brain's base is than its top.

    A slice's jaggedness is the length of its outline in voxels, divided by the root of its area: 4 for a square.

    Args:
        brain: (X, Y, Z), bool, in its box.
        size_mm: distance of two slices.
    """
    first, stop = (max(1, round(end / size_mm)) for end in END_MM)
    ends = [np.median([_jaggedness(each[..., at]) for at in range(first, stop)]) for each in (brain, brain[..., ::-1])]
    return float(ends[0] - ends[1])


def fullness(brain: np.ndarray) -> float:
    """The skewness of the area of coronal slices from back to front: positive if the back is fuller.

    Args:
        brain: (X, Y, Z), bool, in its box.
    """
    area = brain.sum(axis=(0, 2))
    place = np.arange(len(area)) - np.average(np.arange(len(area)), weights=area)
    second, third = (np.average(place**power, weights=area) for power in (2, 3))
    return float(third / second**1.5)


def _jaggedness(piece: np.ndarray) -> float:
    framed = np.pad(piece, 1)
    outline = sum(np.count_nonzero(np.diff(framed.astype(np.int8), axis=axis)) for axis in (0, 1))
    return outline / max(np.sqrt(piece.sum()), 1)

# SPDX-License-Identifier: Apache-2.0
"""How sure a network is of one segmentation, from its probabilities alone, and when a human should look."""

import math

import torch
from monai.transforms import MapTransform, Transform

from scripts.common.sequences import REGIONS


class Qualityd(Transform):
    """Measure the doubt in a network's probabilities, in the network's own grid.

    Adds ``quality``, a dictionary of ``entropy_bits`` (see `mean_entropy`) and ``mirror_disagreement``, by region (see
    ``scripts.inference.inferer.mirror_disagreement``; None without mirroring).

    Args:
        key: probabilities (3, X, Y, Z) as ``scripts.inference.inferer.BrainBoxInferer`` gives them, a MetaTensor.
    """

    def __init__(self, key: str = "pred") -> None:
        self.key = key

    def __call__(self, data):
        probabilities = data[self.key]
        disagreement = probabilities.meta.get("mirror_disagreement")
        if disagreement is not None:
            disagreement = dict(zip(REGIONS, (round(float(value), 4) for value in disagreement)))
        entropy = mean_entropy(probabilities.as_tensor())
        return dict(data) | {"quality": {"entropy_bits": entropy, "mirror_disagreement": disagreement}}


class Entropyd(MapTransform):
    """Add ``<key>_entropy_bits``, see `mean_entropy`, for each key that holds probabilities (3, X, Y, Z)."""

    def __call__(self, data):
        return dict(data) | {f"{key}_entropy_bits": mean_entropy(torch.as_tensor(data[key])) for key in self.keys}


def mean_entropy(probabilities: torch.Tensor) -> float | None:
    """Mean binary entropy of the whole tumour's probability over the voxels where it is above 0.5, in bits.

    0 where it is 1, towards 1 where it is near 0.5; None where no voxel is above.

    Ours. The whole tumour's alone: the inner boundaries of a tumour that is found well are uncertain too. How well it
    tells bad segmentations from good ones stands in docs/accuracy.md.

    Args:
        probabilities: (3, X, Y, Z) in the order of ``scripts.common.sequences.REGIONS``.
    """
    wt = probabilities[REGIONS.index("wt")].double()
    inside = wt[wt > 0.5]
    if len(inside) == 0:
        return None
    nats = torch.special.entr(inside) + torch.special.entr(1 - inside)
    return round(float(nats.mean()) / math.log(2), 4)

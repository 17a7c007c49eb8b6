# SPDX-License-Identifier: Apache-2.0
"""Uncertainty of one segmentation, measured from the network's probabilities."""

import math

import torch
from monai.transforms import MapTransform, Transform
from scripts.common.sequences import REGIONS


class Qualityd(Transform):
    """Add ``quality``, the uncertainty of a network's probabilities in the network's grid.

    ``quality`` is a dictionary with ``entropy_bits`` (`mean_entropy`) and ``mirror_disagreement`` by region
    (``scripts.inference.inferer.mirror_disagreement``; None without mirroring).

    Args:
        key: probabilities (3, X, Y, Z) from ``scripts.inference.inferer.BrainBoxInferer``, a MetaTensor.
    """

    def __init__(self, key: str = "pred") -> None:
        self.key = key

    def __call__(self, data):
        probabilities = data[self.key]
        disagreement = probabilities.meta.get("mirror_disagreement")
        if disagreement is not None:
            disagreement = dict(
                zip(REGIONS, (round(float(value), 4) for value in torch.as_tensor(disagreement).flatten()))
            )
        entropy = mean_entropy(probabilities.as_tensor())
        return dict(data) | {"quality": {"entropy_bits": entropy, "mirror_disagreement": disagreement}}


class Entropyd(MapTransform):
    """Add ``<key>_entropy_bits`` (`mean_entropy`) for each key of probabilities (3, X, Y, Z)."""

    def __call__(self, data):
        return dict(data) | {f"{key}_entropy_bits": mean_entropy(torch.as_tensor(data[key])) for key in self.keys}


def mean_entropy(probabilities: torch.Tensor) -> float | None:
    """Mean binary entropy, in bits, of the whole tumour's probability p over the voxels with p > 0.5.

    -p log2(p) - (1 - p) log2(1 - p) is 0 at p = 1 and approaches 1 near p = 0.5. Source: ours. Only the whole tumour
    counts, because the inner boundaries of a well segmented tumour are uncertain, too. docs/accuracy.md shows how well
    the entropy separates bad segmentations from good ones.

    Args:
        probabilities: (3, X, Y, Z) in the order of ``scripts.common.sequences.REGIONS``.

    Returns:
        The entropy, None if no voxel has p > 0.5.
    """
    wt = probabilities[REGIONS.index("wt")].double()
    inside = wt[wt > 0.5]
    if len(inside) == 0:
        return None
    nats = torch.special.entr(inside) + torch.special.entr(1 - inside)
    return round(float(nats.mean()) / math.log(2), 4)

# SPDX-License-Identifier: Apache-2.0
"""How sure a network is of one segmentation, from its probabilities alone, and when a human should look."""

import torch
from monai.transforms import Transform

from scripts.sequences import REGIONS


class Qualityd(Transform):
    """Measure the doubt in a network's probabilities, in the network's own grid.

    Adds ``quality``, a dictionary of ``entropy_bits`` (see `mean_entropy`) and ``mirror_disagreement``, by region (see
    ``scripts.inferer.mirror_disagreement``; None without mirroring).

    Args:
        key: probabilities (3, X, Y, Z) as ``scripts.inferer.BrainBoxInferer`` gives them, a MetaTensor.
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


def mean_entropy(probabilities: torch.Tensor) -> float | None:
    """Mean binary entropy inside the predicted whole tumour, over voxels and the three regions, in bits.

    0 where every probability is 0 or 1, 1 where all are 0.5; None without a predicted whole tumour.

    Args:
        probabilities: (3, X, Y, Z) in the order of ``scripts.sequences.REGIONS``; whole tumour is above 0.5.
    """
    inside = probabilities[:, probabilities[REGIONS.index("wt")] > 0.5].double()
    if inside.shape[1] == 0:
        return None
    terms = torch.special.entr(inside) + torch.special.entr(1 - inside)
    return round(float(terms.mean()) / torch.log(torch.tensor(2.0)).item(), 4)

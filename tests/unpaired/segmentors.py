"""Real but tiny segmentors, networks of a recipe, and a step of random patches."""

import torch
from monai.networks.nets import DynUNet
from scripts.losses.objective import Term
from scripts.unpaired.losses.segmentation import UnpairedSegmentation
from scripts.unpaired.networks import UnpairedNetworks
from scripts.unpaired.objective import UnpairedObjective
from scripts.unpaired.pairs import Side
from scripts.unpaired.step import Step

FILTERS = [4, 8, 16]


def segmentor(seed: int = 0) -> DynUNet:
    torch.manual_seed(seed)
    arguments = {"kernel_size": [3] * 3, "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": FILTERS}
    return DynUNet(3, 1, 3, **arguments, norm_name="INSTANCE", deep_supervision=True, deep_supr_num=1)


def objective(**terms) -> UnpairedObjective:
    """The student's segmentation of the source, and further losses or terms."""
    losses = {"student_segmentation": UnpairedSegmentation(["source"])} | terms
    named = {name: loss if isinstance(loss, Term) else Term(loss) for name, loss in losses.items()}
    return UnpairedObjective(named)


def networks(kind=UnpairedNetworks, terms=None, **more):
    return kind({"student": segmentor()}, objective(**(terms or {})), "flair", **more)


def sides(size: int = 16) -> tuple[Side, Side]:
    torch.manual_seed(5)
    return tuple(
        Side(torch.randn(1, 1, *(size,) * 3), (torch.rand(1, 3, *(size,) * 3) > 0.5).float(), torch.tensor([True]))
        for _ in range(2)
    )


def real_step(group) -> Step:
    return Step(group, *sides())

# SPDX-License-Identifier: Apache-2.0
"""Class prototypes (ProtoKD): the similarity of each voxel to each tissue's mean feature follows the teacher's."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import check_same_grid, region_means
from torch.nn import functional
from torch.nn.modules.loss import _Loss


def similarity_maps(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine of each voxel's feature with the mean feature of each exclusive region.

    Args:
        features: (B, C, x, y, z), float32.
        label: (B, 3, X, Y, Z), regions tc, wt, et.

    Returns:
        maps (B, 4, x y z), and whether the region has a voxel on that grid (B, 4), bool.
    """
    prototypes, present = region_means(features, label)
    features = features.flatten(2)
    # normalising the products instead of the features saves a copy of the feature map
    lengths = torch.linalg.vector_norm(features, dim=1, keepdim=True).clamp_min(1e-6)
    return functional.normalize(prototypes, dim=2, eps=1e-6) @ features / lengths, present


class Prototypes(_Loss):
    r"""Squared difference of similarity maps.

    .. math:: L = \mathrm{mean}_b \, \mathrm{mean}_{k \in K_b} \, \mathrm{mean}_v \big( M^S_{kv} - M^T_{kv} \big)^2,
        \qquad M_{kv} = \cos(f_v, P_k), \qquad P_k = \frac{\sum_v m_{kv} f_v}{\sum_v m_{kv}}

    with k over background, oedema, core and enhancing tumour, masks m at the scale of the features, and :math:`K_b` the
    regions that have a voxel there in case b. The networks may differ in channels.

    The teacher gets no gradient from this loss.

    Source: ProtoKD (Wang et al. 2023, arXiv:2303.09830), weight 0.1; also PASSION (Shi et al. 2024, arXiv:2407.14796).
    ProtoKD keeps the classes present in every case of the batch: we decide per case, since a batch has one or two, and
    a case without enhancement would silence that class in the other.

    Args:
        layer: path of the module whose output is compared.

    Raises:
        ValueError: at the first call, if the two feature maps have different grids.
    """

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layers = (layer,)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``features[layer]`` of shape (B, C, x, y, z).
            label: (B, 3, X, Y, Z), regions tc, wt, et.
        """
        (layer,) = self.layers
        target, features = teacher.features[layer].detach().float(), student.features[layer].float()
        check_same_grid(target, features, layer)
        with torch.autocast(label.device.type, enabled=False):
            target_maps, present = similarity_maps(target, label)
            maps, _ = similarity_maps(features, label)
            differences = (maps - target_maps).square().mean(2)
        # every voxel lies in one of the four regions, so each case has at least one
        return (torch.where(present, differences, 0).sum(1) / present.sum(1)).mean()

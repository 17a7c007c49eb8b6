# SPDX-License-Identifier: Apache-2.0
"""Region affinity (EMKD): the similarities between the tissues' mean features follow the teacher's."""

from itertools import combinations

import torch
from scripts.losses.output import Output
from scripts.losses.shared import EXCLUSIVE_REGIONS, layer_paths, region_means
from torch.nn import functional
from torch.nn.modules.loss import _Loss

_FIRST, _SECOND = map(list, zip(*combinations(range(len(EXCLUSIVE_REGIONS)), 2)))


class RegionAffinity(_Loss):
    r"""Squared difference of the similarities between regions.

    .. math:: L = \sum_{\text{layers}} \mathrm{mean}_b \, \mathrm{mean}_{r < q}
        \big( \cos(v_r, v_q)^S - \cos(v_r, v_q)^T \big)^2, \qquad v_r = \frac{\sum_v m_{rv} f_v}{\sum_v m_{rv}}

    over pairs of background, oedema, core and enhancing tumour, with masks m at the scale of the features. A region
    without a voxel at that scale is skipped in that case, and a case without any pair in the mean over cases; 0 if no
    case has one. The networks may differ in channels and grid.

    The teacher gets no gradient from this loss.

    Source: RAD of EMKD (Qin et al. 2021, arXiv:2108.09987), low and high features of the encoder, weight 0.9. It
    compares organ with tumour in slices: we take the mean over all pairs of four regions, in volumes. Its guard, one
    added to the count of tumour voxels, is replaced by skipping: the cosine with an empty region means nothing.

    Args:
        layers: paths of the modules whose outputs are compared.

    Raises:
        ValueError: on no layer, or one named twice.
    """

    def __init__(self, layers: tuple[str, ...] = ("input_block", "bottleneck")) -> None:
        super().__init__()
        self.layers = layer_paths(layers)

    def forward(self, teacher: Output, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs with ``features[layer]`` of shape (B, C, x, y, z).
            label: (B, 3, X, Y, Z), regions tc, wt, et.
        """
        with torch.autocast(label.device.type, enabled=False):
            at_layers = [
                self._at_one_layer(teacher.features[layer], student.features[layer], label) for layer in self.layers
            ]
            return torch.stack(at_layers).sum()

    def _at_one_layer(self, teacher: torch.Tensor, student: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        target, known_to_teacher = self._similarities(teacher.detach(), label)
        similarity, known_to_student = self._similarities(student, label)
        pairs = known_to_teacher & known_to_student
        counts = pairs.sum(1)
        differences = torch.where(pairs, similarity - target, 0).square().sum(1) / counts.clamp_min(1)
        return differences.sum() / (counts > 0).sum().clamp_min(1)

    @staticmethod
    def _similarities(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # cosines of the six pairs (B, 6), and whether both regions of a pair are there
        means, present = region_means(features.float(), label)
        directions = functional.normalize(means, dim=2, eps=1e-6)
        cosines = (directions[:, _FIRST] * directions[:, _SECOND]).sum(2)
        return cosines, present[:, _FIRST] & present[:, _SECOND]

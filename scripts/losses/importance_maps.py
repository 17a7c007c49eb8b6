# SPDX-License-Identifier: Apache-2.0
"""Importance maps (EMKD): the student's activations are high where the teacher's are, whatever the channels mean."""

import torch
from scripts.losses.output import Output
from scripts.losses.shared import layer_paths
from torch.nn import functional
from torch.nn.modules.loss import _Loss


def importance_map(features: torch.Tensor) -> torch.Tensor:
    """Where features (B, C, x, y, z) are large: mean over channels of f^4, as a vector of length 1 (B, x y z).

    All-zero features give zeros.
    """
    # the map does not depend on the scale of a case, so dividing by it changes nothing but the risk of overflow in f^8
    scale = features.detach().abs().flatten(1).amax(1).clamp_min(1e-12).reshape(-1, 1, 1, 1, 1)
    return functional.normalize((features / scale).square().square().mean(1).flatten(1), dim=1)


class ImportanceMaps(_Loss):
    r"""Distance of normalised activation maps.

    .. math:: L = \sum_{\text{layers}} \mathrm{mean}_b \, \| A(f^S_b) - A(f^T_b) \|^2, \qquad
        A(f) = \frac{\mathrm{vec}(\mathrm{mean}_c f_c^4)}{\| \mathrm{vec}(\mathrm{mean}_c f_c^4) \|}

    Between 0 and 2 per layer, whatever the number of voxels. The networks may differ in channels; where their grids
    differ the student's features are resized (trilinear) to the teacher's.

    The teacher gets no gradient from this loss.

    Source: IMD of EMKD (Qin et al. 2021, arXiv:2108.09987), low and high features of the encoder, weight 0.9; it works
    on slices, this on volumes.

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
            label: not used.
        """
        return torch.stack(
            [self._at_one_layer(teacher.features[layer], student.features[layer]) for layer in self.layers]
        ).sum()

    def _at_one_layer(self, teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
        target, features = teacher.detach().float(), student.float()
        if features.shape[2:] != target.shape[2:]:
            features = functional.interpolate(features, size=target.shape[2:], mode="trilinear", align_corners=False)
        return (importance_map(features) - importance_map(target)).square().sum(1).mean()

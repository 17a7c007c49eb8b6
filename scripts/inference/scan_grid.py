# SPDX-License-Identifier: Apache-2.0
"""Resample probabilities to the scan's own grid, about ten times as fast as MONAI's ``Invertd``."""

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, SpatialResample


class ToScanGridd(MapTransform):
    """Resample probabilities (trilinear) to the grid in which the scan was loaded, whatever its orientation.

    The result equals that of MONAI's ``Invertd`` for ``Orientationd`` and ``Spacingd``. These only permute, flip and
    scale axes, so the interpolation is a product of three small matrices, one per axis, and only the box of non-zero
    voxels is computed. Affines with shear are resampled by MONAI's ``SpatialResample``.

    Args:
        keys: probabilities (C, x, y, z), MetaTensors whose ``meta`` comes from
            ``scripts.data.load_scan.LoadSequencesd``: ``original_affine`` (voxel to mm) and ``spatial_shape`` define
            the scan's grid.
    """

    def __init__(self, keys: KeysCollection = "pred") -> None:
        super().__init__(keys)

    def __call__(self, data):
        """The item with float32 probabilities (C, X, Y, Z); beyond the outermost voxel centres the nearest value."""
        data = dict(data)
        for key in self.keys:
            data[key] = _in_scan_grid(data[key])
        return data


def _in_scan_grid(image: MetaTensor) -> MetaTensor:
    affine = torch.as_tensor(image.meta["original_affine"], dtype=torch.float64).cpu()
    shape = [int(n) for n in image.meta["spatial_shape"]]
    # maps scan voxels to image voxels; without shear each row has one entry: the signed step along that axis
    matrix = torch.linalg.solve(image.affine.to(affine), affine)
    scale = matrix[:3, :3]
    axes = scale.abs().argmax(dim=1).tolist()
    rest = scale.clone()
    rest[range(3), axes] = 0
    # tolerance: the farthest voxel is displaced by at most a thousandth of a voxel
    if sorted(axes) != [0, 1, 2] or (rest.abs() * torch.tensor(shape)).sum() > 1e-3:
        resample = SpatialResample(mode="bilinear", padding_mode="border", align_corners=True)
        return resample(image, dst_affine=affine, spatial_size=shape)
    plain = image.as_tensor().float()
    result = plain.new_zeros((len(plain), *shape))
    inside = (plain != 0).any(dim=0)
    if inside.any():
        weights: dict[int, torch.Tensor] = {}
        taken, given = [slice(None)] * 4, [slice(None)] * 4
        for row, axis in enumerate(axes):
            hit = inside.amax(dim=tuple(other for other in range(3) if other != row)).nonzero().flatten()
            taken[row + 1] = slice(int(hit[0]), int(hit[-1]) + 1)
            where = matrix[row, axis] * torch.arange(shape[axis]) + matrix[row, 3]
            weight = _interpolation(where, plain.shape[row + 1])[:, taken[row + 1]]
            used = weight.any(dim=1).nonzero().flatten()
            given[axis + 1] = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
            weights[axis] = weight[given[axis + 1]].to(plain)
        box = plain[tuple(taken)].permute(0, *(axes.index(axis) + 1 for axis in range(3)))
        box = weights[1] @ (box @ weights[2].T)
        result[tuple(given)] = (weights[0] @ box.flatten(2)).unflatten(2, box.shape[2:])
    return MetaTensor(result, affine=affine)


def _interpolation(where: torch.Tensor, count: int) -> torch.Tensor:
    """Weights (n, count) of linear interpolation between voxels 0 ... count - 1 at ``where`` (n,), clamped."""
    return (1 - (where.clamp(0, count - 1)[:, None] - torch.arange(count)).abs()).clamp(min=0)

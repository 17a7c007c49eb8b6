# SPDX-License-Identifier: Apache-2.0
"""From cached subjects to the batches that the trainer sees: simulated maps rendered anew, real scans augmented."""

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform

from scripts.contrast import MAPS
from scripts.errors import UserError
from scripts.labels import regions_from_label
from scripts.maps import load_maps


class LoadMapsd(MapTransform):
    """Load a simulated subject's maps, cropped to its brain, as a uint8 tensor (5, X, Y, Z); its label map beside them.

    Args:
        keys: of the paths.
        spacing: voxel size in mm that the training expects; maps are not resampled.

    Raises:
        UserError: if the maps were simulated at another spacing.
    """

    def __init__(self, keys: KeysCollection, spacing: float) -> None:
        super().__init__(keys)
        self.spacing = spacing

    def __call__(self, data):
        data = dict(data)
        for key in self.keys:
            maps, affine = load_maps(data[key])
            made = np.linalg.norm(affine[:3, 0])
            if not np.isclose(made, self.spacing):
                raise UserError(
                    f"{data[key]} was simulated at {made:g} mm, but spacing is {self.spacing:g}: set it to {made:g}, "
                    f"or simulate a cohort at {self.spacing:g} mm (python -m scripts.cohort)."
                )
            brain = maps[: MAPS.index("label")].any(axis=0)
            box = tuple(slice(hit.min(), hit.max() + 1) for hit in np.nonzero(brain))
            cut = np.ascontiguousarray(maps[(slice(None), *box)])
            data[key] = MetaTensor(torch.from_numpy(cut), affine=torch.from_numpy(affine))
            data["label"] = data[key][-1:]
        return data


class RandUnenhancedd(RandomizableTransform, MapTransform):
    """Turns the enhancing tumour of simulated maps into non-enhancing core: the same subject without enhancement.

    Ours. Most simulated tumours enhance, so that a network learns to guess ET from where it usually lies; the same
    tumours without it teach that T1ce decides.

    Args:
        keys: maps (5, X, Y, Z) and label (1, X, Y, Z), whose last channel holds BraTS numbers.
        prob: how often.
    """

    def __init__(self, keys: KeysCollection, prob: float) -> None:
        RandomizableTransform.__init__(self, prob)
        MapTransform.__init__(self, keys)

    def __call__(self, data):
        data = dict(data)
        self.randomize(None)
        if self._do_transform:
            for key in self.keys:
                changed = data[key].clone()
                label = changed[-1]
                label[label == 4] = 1
                data[key] = changed
        return data


class PrepareBatch:
    """MONAI ``prepare_batch``: moves a batch to the device and renders simulated maps there, anew for every patch.

    Args:
        contrast: ``scripts.contrast.Contrast``, used for batches that hold maps.
        augment: ``scripts.augment.Rescan``, used for batches of real scans.
    """

    def __init__(self, contrast: torch.nn.Module, augment: torch.nn.Module) -> None:
        self.contrast = contrast
        self.augment = augment

    def __call__(self, batch: dict, device=None, non_blocking: bool = False, **kwargs):
        """
        Args:
            batch: either ``maps`` (B, 5, X, Y, Z) and ``label`` (B, 1, X, Y, Z) with BraTS numbers, or ``image``
                (B, 4, X, Y, Z) and ``label`` (B, 3, X, Y, Z) with regions.

        Returns:
            image, label, and label again as the argument that ``TeacherStudent.forward`` takes beside the image.
        """
        if "maps" in batch:
            image = self.contrast(_plain(batch["maps"]).to(device, non_blocking=non_blocking))
            label = regions_from_label(_plain(batch["label"]).to(device, non_blocking=non_blocking), "brats")
        else:
            image = self.augment(_plain(batch["image"]).to(device, non_blocking=non_blocking))
            label = _plain(batch["label"]).to(device, non_blocking=non_blocking)
        return image, label, (label,), {}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    # the trainer needs no geometry, and MetaTensor operations are slower
    return tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor

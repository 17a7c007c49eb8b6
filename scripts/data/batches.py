# SPDX-License-Identifier: Apache-2.0
"""From cached subjects to the batches that the trainer sees: simulated maps rendered anew, real scans augmented."""

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform, Transform

from scripts.common.errors import UserError
from scripts.common.labels import regions_from_label
from scripts.simulation.contrast import MAPS
from scripts.simulation.maps import load_maps

KEYS = ("patch", "label")


class LoadSubject(Transform):
    """Loads a simulated subject by its maps and a real one by its scans, both as ``patch`` and ``label``.

    A MONAI ``Transform``, since a ``CacheDataset`` stops caching at the first one that is none.

    Args:
        maps: transform for items that have ``maps``; leaves ``maps`` and ``label``.
        scan: transform for the others; leaves ``image`` and ``label``.
    """

    def __init__(self, maps, scan) -> None:
        self.maps, self.scan = maps, scan

    def __call__(self, item: dict) -> dict:
        """
        Returns:
            ``patch`` and ``label``: of a simulated subject uint8 (5, X, Y, Z) and (1, X, Y, Z) with BraTS numbers, of a
            real one float32 (4, X, Y, Z) in z-units and (3, X, Y, Z) with regions.
        """
        if "maps" in item:
            loaded = self.maps(item)
            return {"patch": loaded["maps"], "label": loaded["label"]}
        loaded = self.scan(item)
        return {"patch": loaded["image"], "label": loaded["label"]}


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
                    f"or simulate a cohort at {self.spacing:g} mm (python -m scripts.simulation.cohort)."
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
    tumours without it teach that T1ce decides. Real scans stay as they are.

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
        if self._do_transform and all(data[key].dtype == torch.uint8 for key in self.keys):
            for key in self.keys:
                changed = data[key].clone()
                label = changed[-1]
                label[label == 4] = 1
                data[key] = changed
        return data


def list_collate(samples: list) -> list[dict]:
    """``collate_fn``: the samples as they are, since maps and scans in a batch have no common shape until rendered.

    Args:
        samples: a dictionary each, or a list of them where a transform draws several patches of a subject.
    """
    return [one for sample in samples for one in (sample if isinstance(sample, list) else [sample])]


def sampling_weights(items: list[dict], real: float) -> list[float]:
    """How likely each subject is drawn, so that real ones are a given share of the patches; the sum is 1.

    Args:
        items: simulated ones have ``maps``.
        real: share of the real ones, 0 to 1; where there is only one kind, all of it.
    """
    simulated = sum("maps" in item for item in items)
    scans = len(items) - simulated
    of_real = 1.0 if not simulated else real if scans else 0.0
    return [(1 - of_real) / simulated if "maps" in item else of_real / scans for item in items]


class PrepareBatch:
    """MONAI ``prepare_batch``: moves patches to the device, renders simulated maps there, anew each time, and augments
    real scans.

    Args:
        contrast: ``scripts.simulation.contrast.Contrast``, for maps.
        pose: ``scripts.data.augment.RandomPose``, for scans.
        acquisition: ``scripts.data.augment.AcquisitionEffects``, for scans.
    """

    def __init__(self, contrast: torch.nn.Module, pose, acquisition: torch.nn.Module) -> None:
        self.contrast = contrast
        self.pose = pose
        self.acquisition = acquisition

    def __call__(self, batch: list[dict], device=None, non_blocking: bool = False, **kwargs):
        """
        Args:
            batch: ``patch`` and ``label`` of ``LoadSubject`` a sample, all patches of one size.

        Returns:
            image (B, 4, X, Y, Z), label (B, 3, X, Y, Z), and label again as the argument that ``forward`` of
            ``scripts.networks.teacher_student.NetworkGroup`` takes beside the image.
        """
        pairs = [self._one(*(_plain(s[key]).to(device, non_blocking=non_blocking) for key in KEYS)) for s in batch]
        image, label = (torch.stack(column) for column in zip(*pairs))
        return image, label, (label,), {}

    def _one(self, patch: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if patch.dtype == torch.uint8:
            return self.contrast(patch[None])[0], regions_from_label(label[None], "brats")[0]
        patch, label = self.pose(patch, label)
        return self.acquisition(patch[None])[0], label


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    # the trainer needs no geometry, and MetaTensor operations are slower
    return tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor

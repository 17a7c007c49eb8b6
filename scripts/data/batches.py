# SPDX-License-Identifier: Apache-2.0
"""From cached subjects to the trainer's batches: simulated subjects are rendered anew, real scans augmented."""

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform, Transform
from scripts.common.errors import UserError
from scripts.common.foreground import bounding_box
from scripts.common.labels import LABEL_CONVENTIONS, regions_from_label
from scripts.simulation.contrast import MAPS
from scripts.simulation.maps import load_maps

ENHANCING, CORE = LABEL_CONVENTIONS["brats"]["enhancing"], LABEL_CONVENTIONS["brats"]["core"]


class LoadSubject(Transform):
    """Load a simulated subject by its maps and a real one by its scans, both as ``patch`` and ``label``.

    It is a MONAI ``Transform`` because a ``CacheDataset`` caches up to the first transform that is not one.

    Args:
        maps: transform for items that have ``maps``; its result has ``maps`` and ``label``.
        scan: transform for the others; its result has ``image`` and ``label``.
        unlabelled: transform for items with ``unlabelled``, whose label map, and the maps that hold it, are not to be used;
            its result has both, too.
    """

    def __init__(self, maps, scan, unlabelled=None) -> None:
        self.maps, self.scan, self.unlabelled = maps, scan, unlabelled

    def __call__(self, item: dict) -> dict:
        """
        Returns:
            ``simulated``, ``expert``, ``patch``, ``brain`` and ``label``: of a simulated subject True, uint8 (5, X, Y, Z)
            and (1, X, Y, Z) in the label convention ``brats``; of a real one False, float32 (4, X, Y, Z) in z-units and
            (3, X, Y, Z) with the regions. ``brain``, uint8 (1, X, Y, Z), is 1 where the patch is not 0, which includes
            what is darker than the brain's mean. ``expert`` is False where the label is not an expert's (of a simulated
            subject it is the truth, so True).
        """
        unlabelled = item.get("unlabelled", False)
        simulated = "maps" in item and not unlabelled
        loaded = self.maps(item) if simulated else self.unlabelled(item) if unlabelled else self.scan(item)
        patch = loaded["maps" if simulated else "image"]
        brain = (patch != 0).any(dim=0, keepdim=True).to(torch.uint8)
        about = {"simulated": simulated, "expert": not unlabelled}
        return about | {"patch": patch, "brain": brain, "label": loaded["label"]}


class LoadMapsd(MapTransform):
    """Load a simulated subject's maps as uint8 (5, X, Y, Z), cropped to its brain, and add its label map as ``label``.

    Args:
        keys: of the paths.
        spacing: voxel size of the training in mm; maps are not resampled.

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
            size = np.linalg.norm(affine[:3, 0])
            if not np.isclose(size, self.spacing):
                raise UserError(
                    f"{data[key]} was simulated at {size:g} mm, but spacing is {self.spacing:g}: set --spacing "
                    f"{size:g}, or simulate a cohort at {self.spacing:g} mm (python -m scripts.simulation.cohort)."
                )
            box = bounding_box(maps[: MAPS.index("label")].any(axis=0))
            cut = np.ascontiguousarray(maps[(slice(None), *box)])
            data[key] = MetaTensor(torch.from_numpy(cut), affine=torch.from_numpy(affine))
            data["label"] = data[key][-1:]
        return data


class RandUnenhancedd(RandomizableTransform, MapTransform):
    """Turn the enhancing tumour of a simulated subject into non-enhancing core; real scans stay as they are.

    Ours. Most simulated tumours enhance, so that a network learns to guess ET from its usual place. The same tumours
    without enhancement teach it to decide by the T1ce.

    Args:
        keys: maps (5, X, Y, Z) and label (1, X, Y, Z), whose last channel is the label map.
        prob: probability.
    """

    def __init__(self, keys: KeysCollection, prob: float) -> None:
        RandomizableTransform.__init__(self, prob)
        MapTransform.__init__(self, keys)

    def __call__(self, data):
        data = dict(data)
        self.randomize(None)
        if self._do_transform and data["simulated"]:
            for key in self.keys:
                data[key] = data[key].clone()
                label = data[key][-1]
                label[label == ENHANCING] = CORE
        return data


def list_collate(samples: list) -> list[dict]:
    """``collate_fn`` that keeps the samples in a list, as maps and scans have a common shape only after rendering.

    Args:
        samples: a dictionary each, or a list of dictionaries if a transform draws several patches of a subject.
    """
    return [one for sample in samples for one in (sample if isinstance(sample, list) else [sample])]


def sampling_weights(items: list[dict], real: float | None = None, unlabelled: float = 0.0) -> list[float]:
    """Probability of each subject in a draw, such that each kind is a given share of the patches; the sum is 1.

    Args:
        items: of the datalist; those without a label map have ``unlabelled``, of the others the simulated ones ``maps``.
        real: share of the real subjects among those with labels, 0 to 1; by default as many as they are.
        unlabelled: share of those without. A kind of which there is no subject leaves its share to the others.
    """
    kinds = ["unlabelled" if item.get("unlabelled") else "simulated" if "maps" in item else "real" for item in items]
    counts = {kind: kinds.count(kind) for kind in ("simulated", "real", "unlabelled")}
    labelled = counts["simulated"] + counts["real"]
    if real is None or not (counts["simulated"] and counts["real"]):
        real = counts["real"] / labelled if labelled else 0.0
    shares = {"simulated": (1 - unlabelled) * (1 - real), "real": (1 - unlabelled) * real, "unlabelled": unlabelled}
    total = sum(shares[kind] for kind, count in counts.items() if count)
    if not total:
        return [1 / len(items)] * len(items)
    return [shares[kind] / total / counts[kind] for kind in kinds]


class PrepareBatch:
    """MONAI ``prepare_batch``: move patches to the device, render the simulated ones there, and augment real scans.

    Args:
        contrast: ``scripts.simulation.contrast.Contrast``, for simulated subjects.
        pose: ``scripts.data.augment.RandomPose``, for real scans.
        acquisition: ``scripts.data.augment.AcquisitionEffects``, for real scans.
    """

    def __init__(self, contrast: torch.nn.Module, pose, acquisition: torch.nn.Module) -> None:
        self.contrast = contrast
        self.pose = pose
        self.acquisition = acquisition

    def __call__(self, batch: list[dict], device=None, non_blocking: bool = False, **kwargs):
        """
        Args:
            batch: samples with the keys of ``LoadSubject``, all patches of one size.

        Returns:
            image (B, 4, X, Y, Z), label (B, 3, X, Y, Z), and as further arguments of ``forward`` of
            ``scripts.networks.teacher_student.NetworkGroup`` label again and expert, bool (B,): whether the label is an
            expert's.
        """
        pairs = []
        for sample in batch:
            patch, label = (_plain(sample[key]).to(device, non_blocking=non_blocking) for key in ("patch", "label"))
            pairs.append(self._image_and_regions(patch, label, sample["simulated"]))
        image, label = (torch.stack(column) for column in zip(*pairs))
        expert = torch.tensor([sample["expert"] for sample in batch], device=label.device)
        return image, label, (label, expert), {}

    def _image_and_regions(
        self, patch: torch.Tensor, label: torch.Tensor, simulated: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if simulated:
            return self.contrast(patch[None])[0], regions_from_label(label[None], "brats")[0]
        patch, label = self.pose(patch, label)
        return self.acquisition(patch[None])[0], label


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    # the trainer needs no geometry, and operations on a MetaTensor are slower
    return tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor

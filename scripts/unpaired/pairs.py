# SPDX-License-Identifier: Apache-2.0
"""Batches of source and target patches, which belong to different subjects."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from scripts.common.errors import UserError
from scripts.data.batches import PrepareBatch
from torch.utils.data import Sampler


@dataclass
class Side:
    """The patches of one domain in a batch.

    Attributes:
        image: (B, 1, X, Y, Z), the domain's sequence in z-units, background 0.
        label: (B, 3, X, Y, Z), regions tc, wt, et.
        labelled: bool (B,), whether the label is an expert's; where it is not, ``label`` means nothing.
    """

    image: torch.Tensor
    label: torch.Tensor
    labelled: torch.Tensor


class PairSampler(Sampler):
    """Draws as many subjects of the source as of the target for each batch; drawn from torch's generator.

    Args:
        items: of the datalist, with ``domain`` and, without a label map, ``unlabelled``.
        batch_size: number of patches of each domain in a batch.
        batches: number of batches of an epoch.
        labelled_share: share of the target's patches that come from subjects with a label map, 0 to 1; without such
            subjects 0, and 1 where all have one.

    Raises:
        UserError: no subject in one of the domains, or a share out of range.
    """

    def __init__(self, items: list[dict], batch_size: int, batches: int, labelled_share: float = 0.5) -> None:
        if not 0 <= labelled_share <= 1:
            raise UserError(f"target#labelled_share is {labelled_share}, but must be 0 to 1.")
        self.batch_size, self.batches = batch_size, batches
        source = [item["domain"] == "source" for item in items]
        known, unknown = _targets(items)
        for name, there in (("source", source), ("target", [a or b for a, b in zip(known, unknown)])):
            if not any(there):
                raise UserError(f"The {name} has no training subject: add scans to {name}#dataset_dir.")
        share = _labelled_share(known, unknown, labelled_share)
        self.source = torch.tensor(source, dtype=torch.float64)
        self.target = share * _shares(known) + (1 - share) * _shares(unknown)

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for _ in range(self.batches):
            yield [
                int(torch.multinomial(weights, 1))
                for weights in (self.source, self.target)
                for _ in range(self.batch_size)
            ]


def unlabelled_drawn(items: list[dict], labelled_share: float) -> list[str]:
    """The target's subjects without a label map of which a `PairSampler` of these items draws patches."""
    known, unknown = _targets(items)
    if _labelled_share(known, unknown, labelled_share) == 1:
        return []
    return [item["subject"] for item, drawn in zip(items, unknown) if drawn]


def _targets(items: list[dict]) -> tuple[list[bool], list[bool]]:
    """Which items are of the target with a label map, and which without."""
    known = [item["domain"] == "target" and not item.get("unlabelled") for item in items]
    return known, [item["domain"] == "target" and bool(item.get("unlabelled")) for item in items]


def _labelled_share(known: list[bool], unknown: list[bool], wanted: float) -> float:
    return wanted if any(known) and any(unknown) else float(any(known))


def _shares(there: list[bool]) -> torch.Tensor:
    """Equal shares of the items that are there, which add up to 1; all 0 if there is none."""
    weights = torch.tensor(there, dtype=torch.float64)
    return weights / weights.sum().clamp_min(1)


class PreparePairs:
    """MONAI ``prepare_batch``: render or augment the patches, and keep of each the sequence of its domain.

    Args:
        prepare: ``scripts.data.batches.PrepareBatch``, which makes images of four channels.
        channels: input channel of each domain's sequence, such as ``{"source": 2, "target": 3}``.
    """

    def __init__(self, prepare: PrepareBatch, channels: dict[str, int]) -> None:
        self.prepare, self.channels = prepare, channels

    def __call__(self, batch: list[dict], device=None, non_blocking: bool = False, **kwargs) -> tuple[Side, Side]:
        """The source and the target of a batch, a list of its samples, the source's first (`PairSampler`)."""
        image, label, (_, labelled), _ = self.prepare(batch, device, non_blocking, **kwargs)
        half = len(batch) // 2
        return tuple(
            Side(image[part, self.channels[domain]].unsqueeze(1), label[part], labelled[part])
            for domain, part in (("source", slice(half)), ("target", slice(half, None)))
        )


def brain_as_label(item: dict) -> dict:
    """The item with a label (3, X, Y, Z) that it lacks: 1 in every second voxel of its brain.

    The losses do not use it (`Side.labelled`). It makes ``RandCropByPosNegLabeld``, which wants voxels with and without
    a label, draw patches from the whole brain.
    """
    brain = item["image"].bool().any(dim=0)
    places = sum(torch.meshgrid(*(torch.arange(size) for size in brain.shape), indexing="ij"))
    label = (brain & (places % 2 == 0)).to(item["image"].dtype)
    return item | {"label": label.expand(3, *label.shape).clone()}

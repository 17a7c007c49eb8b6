# SPDX-License-Identifier: Apache-2.0
"""Label maps to the three nested tumour regions and back, for the label numbers of BraTS and of MSD Task01."""

from collections.abc import Iterable

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from scripts.common import namings
from scripts.common.errors import ScanError, UserError
from scripts.common.sequences import REGIONS

# The number of each tissue in a label map: `brats` is BraTS 2017 to 2021, `brats2023` BraTS 2023 and later (its 4, the
# resection cavity of the post-treatment cohort, counts as background), `msd` is MSD Task01_BrainTumour. Core is
# necrotic or non-enhancing tumour.
LABEL_CONVENTIONS = {
    "brats": {"core": 1, "oedema": 2, "enhancing": 4},
    "brats2023": {"core": 1, "oedema": 2, "enhancing": 3, "cavity": 4},
    "msd": {"oedema": 1, "core": 2, "enhancing": 3},
}
# Those that label maps are written in.
WRITTEN_CONVENTIONS = ("brats", "brats2023")


def check_written_convention(label_convention: str) -> str:
    """The label convention, if label maps are written in it.

    Raises:
        UserError: another one.
    """
    if label_convention not in WRITTEN_CONVENTIONS:
        raise UserError(
            f"Label maps are written in the label convention 'brats' or 'brats2023', not '{label_convention}': set "
            "--label_convention to one of them."
        )
    return label_convention


def detect_convention(values: Iterable[float], label_convention: str = "brats") -> str:
    """The convention of a label map that holds these values, starting from the one that its file's name suggests.

    `brats` with a 3 and no 4 becomes `brats2023`, as `brats` has no label 3.

    Raises:
        UserError: an unknown convention, or a value that it does not have.
    """
    if label_convention not in LABEL_CONVENTIONS:
        raise UserError(f"'{label_convention}' is not a label convention: choose from {', '.join(LABEL_CONVENTIONS)}.")
    values = set(values) - {0}
    if label_convention == "brats" and 3 in values and 4 not in values:
        label_convention = "brats2023"
    known = set(LABEL_CONVENTIONS[label_convention].values())
    unknown = sorted(values - known)
    if unknown:
        raise UserError(
            f"holds the unknown label value {', '.join(map(str, unknown[:5]))} (label convention {label_convention} "
            f"has {', '.join(map(str, [0, *sorted(known)]))})"
        )
    return label_convention


def regions_from_label(label: torch.Tensor, label_convention: str = "brats") -> torch.Tensor:
    """Tumour core, whole tumour and enhancing tumour of an integer label map, on the label's device.

    Args:
        label: (1, X, Y, Z), or any batch of maps (B, 1, X, Y, Z): the channel axis is the fourth from the end.
        label_convention: one of `LABEL_CONVENTIONS`, as `detect_convention` returns it; values that it does not have
            become background.

    Returns:
        A plain float32 tensor of 0 and 1 whose channels are `scripts.common.sequences.REGIONS`.
    """
    numbers = LABEL_CONVENTIONS[label_convention]
    plain = label.as_tensor() if isinstance(label, MetaTensor) else label
    tissue = {name: plain == number for name, number in numbers.items()}
    et = tissue["enhancing"]
    tc = tissue["core"] | et
    return torch.cat([{"tc": tc, "wt": tc | tissue["oedema"], "et": et}[name] for name in REGIONS], dim=-4).float()


def label_from_regions(regions, label_convention: str = "brats"):
    """One label map from the three regions: et, then what of tc is not et, then what of wt is neither.

    Args:
        regions: binary (3, X, Y, Z), tensor or array, bool or 0 and 1, in the order of `REGIONS`.
        label_convention: `brats` (ET 4) or `brats2023` (ET 3).

    Returns:
        uint8 (X, Y, Z), an array if an array was given.

    Raises:
        UserError: another label convention.
    """
    numbers = LABEL_CONVENTIONS[check_written_convention(label_convention)]
    tensor = torch.as_tensor(regions).bool()
    label = tensor.new_zeros(tensor.shape[1:], dtype=torch.uint8)
    for region, tissue in (("wt", "oedema"), ("tc", "core"), ("et", "enhancing")):  # a later one overwrites
        label[tensor[REGIONS.index(region)]] = numbers[tissue]
    return label.numpy() if isinstance(regions, np.ndarray) else label


def nest(regions):
    """Nest bool regions (3, X, Y, Z), tensor or array, in place: what is ET is TC too, and what is TC is WT too."""
    tc, wt, et = (regions[REGIONS.index(region)] for region in ("tc", "wt", "et"))
    tc |= et
    wt |= tc
    return regions


def nested_probabilities(probability: torch.Tensor) -> torch.Tensor:
    """Probabilities (3, X, Y, Z) of tc, wt, et so that none is above that of a region around it, as in `nest`."""
    tc, wt, et = (probability[REGIONS.index(region)] for region in ("tc", "wt", "et"))
    tc = torch.maximum(tc, et)
    nested = {"tc": tc, "wt": torch.maximum(wt, tc), "et": et}
    return torch.stack([nested[region] for region in REGIONS])


class NestedRegionsd(MapTransform):
    """Probabilities (3, X, Y, Z) to nested bool regions, geometry kept; see `nest`.

    Args:
        keys: probabilities of tc, wt, et.
        threshold: a voxel belongs to a region if its probability is above it, as in the label maps that are saved.
    """

    def __init__(self, keys: KeysCollection, threshold: float = 0.5) -> None:
        super().__init__(keys)
        self.threshold = threshold

    def __call__(self, data):
        return dict(data) | {key: nest(data[key] > self.threshold) for key in self.keys}


class RegionsFromLabeld(MapTransform):
    """Turn the label map (1, X, Y, Z), integer, into its regions (3, X, Y, Z), float32 of 0 and 1, geometry kept.

    The label convention is the item's `convention` (`scripts.data.load_scan`) or `label_convention`, by default
    `brats`. Where the values show another one
    (`detect_convention`), that is used if label maps of the subject's naming may follow it (`scripts.common.namings`).

    Args:
        keys: of the label map.
        recorded: the convention is that of a record of inference. Label values that mean something else in the data set
            of the subject's name are then not refused: the map is not the data set's.

    Raises:
        ScanError: a value that the convention does not have, or values that two conventions explain.
    """

    def __init__(self, keys: KeysCollection = "label", recorded: bool = False) -> None:
        super().__init__(keys)
        self.recorded = recorded

    def __call__(self, data):
        data = dict(data)
        for key in self.keys:
            label = data[key]
            regions = regions_from_label(label, self._convention(label, data))
            if isinstance(label, MetaTensor):
                regions = MetaTensor(regions, meta=label.meta, applied_operations=label.applied_operations)
            data[key] = regions
        return data

    def _convention(self, label: torch.Tensor, data) -> str:
        subject = str(data.get("subject", "a subject"))
        naming = namings.naming_of(subject)
        file = getattr(label, "meta", {}).get("filename_or_obj", "the label map")
        values = _values(label)
        for value, meaning in naming.refused_labels.items() if naming and not self.recorded else ():
            if value in values:
                raise ScanError(
                    f"{subject}: {file} holds label value {value}, which is {meaning} and is not understood here: "
                    "convert it to 1 (core), 2 (oedema), 3 (enhancing), or leave the subject out."
                )
        given = data.get("convention", data.get("label_convention", "brats"))
        try:
            found = detect_convention(values, given)
        except UserError as error:
            raise ScanError(
                f"{subject}: {file}: {error}: correct the map, leave the subject out, or give the label convention "
                f'({", ".join(LABEL_CONVENTIONS)}) with --label_convention, or in a dataset.json as "label_convention".'
            ) from error
        if found != given and not (naming and found in naming.label_conventions):
            raise ScanError(
                f"{subject}: {file} has a label 3 and no 4: this is enhancing tumour in the label conventions "
                "brats2023 and msd, which swap the meaning of 1 and 2. Give the right one with --label_convention "
                "brats2023 or --label_convention msd."
            )
        return found


def _values(label: torch.Tensor) -> list[int | float]:
    plain = (label.as_tensor() if isinstance(label, MetaTensor) else label).flatten()
    low, high = (int(v) for v in torch.aminmax(plain))
    if low < 0 or high > 255:
        return torch.unique(plain).tolist()
    return torch.bincount(plain).nonzero().flatten().tolist()  # ten times quicker than unique on a whole scan

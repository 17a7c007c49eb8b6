# SPDX-License-Identifier: Apache-2.0
"""The batch of `tests.robustness.load`: copies of small subjects with mixed sequences, some of them bad."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.networks.nets import DynUNet
from scripts.common.printable import LONGEST_NAME, printable, shortened
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.common.weights import save_weights, student_file

SUBSETS = (*limited_subsets(), SEQUENCES)
# What the networks of the batch are made for; the keys of a run with them.
FILTERS = [4, 8, 16]
# Sequences of the subjects whose network is missing, has NaN weights, has a damaged record, or is no checkpoint.
NO_NETWORK, NAN_NETWORK, BROKEN_RECORD, NO_CHECKPOINT = (("t1", "t1ce"), ("t1", "t2"), ("t1", "flair"), ("t1ce", "t2"))
GOOD_SUBSETS = tuple(s for s in SUBSETS if s not in (NO_NETWORK, NAN_NETWORK, BROKEN_RECORD, NO_CHECKPOINT))


@dataclass(frozen=True)
class Subject:
    """A subject of the batch.

    Attributes:
        name: as the table has it.
        source: folder of the simulated subject that it is a copy of.
        sequences: those that it has.
        bad: what is wrong with it, a key of `BAD`; None if it is good.
    """

    name: str
    source: Path
    sequences: tuple[str, ...]
    bad: str | None = None


def write_networks(folder: Path, spacing: float) -> None:
    """Write fifteen tiny networks of random weights; four of them cannot be used, see `GOOD_SUBSETS`."""
    for number, sequences in enumerate(SUBSETS):
        torch.manual_seed(number)
        network = DynUNet(3, len(sequences), 3, [3] * 3, [1, 2, 2], [2, 2], FILTERS, norm_name="INSTANCE")
        name = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
        save_weights(folder / name, network, {"sequences": list(sequences), "filters": FILTERS, "spacing": spacing})
    (folder / student_file(NO_NETWORK)).unlink()
    file = folder / student_file(NAN_NETWORK)
    torch.save({name: tensor * np.nan for name, tensor in torch.load(file, weights_only=True).items()}, file)
    (folder / student_file(BROKEN_RECORD)).with_suffix(".json").write_text("{")
    (folder / student_file(NO_CHECKPOINT)).write_bytes(b"no checkpoint")


def write_batch(folder: Path, sources: list[Path], count: int) -> list[Subject]:
    """Write the subjects: every tenth is bad, of each kind of `BAD` in turn, the others have each subset in turn."""
    subsets, kinds, copies = cycle(GOOD_SUBSETS), cycle(BAD), cycle(sources)
    batch = []
    for number in range(count):
        bad = next(kinds) if number % 10 == 5 else None
        sequences = SEQUENCES_OF.get(bad, ("t1ce", "flair")) if bad else next(subsets)
        batch.append(write_subject(folder, f"S{number:04d}", next(copies), sequences, bad))
    return batch


def write_subject(folder: Path, name: str, source: Path, sequences: tuple[str, ...], bad: str | None = None) -> Subject:
    """Write a copy of a simulated subject with some of its sequences, and spoil it if a kind of `BAD` is given."""
    place = folder / name
    place.mkdir(parents=True)
    for sequence in sequences:
        shutil.copy(source / f"{source.name}_{sequence}.nii.gz", place / f"{name}_{sequence}.nii.gz")
    if bad:
        name = BAD[bad](place, place / f"{name}_t1ce.nii.gz") or name
    return Subject(shortened(printable(name), LONGEST_NAME // 2), source, sequences, bad)


def _rewritten(change: Callable) -> Callable[[Path, Path], None]:
    """A kind whose t1ce is saved with another array and affine."""

    def write(place: Path, t1ce: Path) -> None:
        image = nib.load(t1ce)
        array, affine = change(np.asarray(image.dataobj, np.float32), image.affine)
        nib.save(nib.Nifti1Image(array, affine), t1ce)

    return write


def _alone(name: str, content: bytes) -> Callable[[Path, Path], None]:
    """A kind whose folder holds nothing but this file."""

    def write(place: Path, t1ce: Path) -> None:
        for file in place.iterdir():
            file.unlink()
        (place / name).write_bytes(content)

    return write


def _renamed(name: str) -> Callable[[Path, Path], str]:
    """A kind whose folder has this name behind its own, and its scans are called by it."""

    def write(place: Path, t1ce: Path) -> str:
        new = place.name + name
        for file in place.iterdir():
            file.rename(place / file.name.removeprefix(f"{place.name}_"))
        place.rename(place.with_name(new))
        return new

    return write


def _without_voxel_size(place: Path, t1ce: Path) -> None:
    image = nib.load(t1ce)
    header = image.header.copy()
    header["pixdim"][1] = 0
    with t1ce.with_suffix("").open("wb") as file:  # nibabel repairs the header of an image
        header.write_to(file)
        file.write(bytes(4) + np.asarray(image.dataobj, header.get_data_dtype()).tobytes("F"))
    t1ce.unlink()


def _shear(affine: np.ndarray) -> np.ndarray:
    return affine @ np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def _noise(array: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 100, array.shape).astype(np.float32)


def _with_nan(array: np.ndarray) -> np.ndarray:
    array[tuple(n // 2 for n in array.shape)] = np.nan
    return array


# What is wrong, and how a folder of a good subject becomes so. Returns the subject's name if it is another one.
BAD: dict[str, Callable[[Path, Path], str | None]] = {
    "file cut": lambda place, t1ce: os.truncate(t1ce, t1ce.stat().st_size // 2),
    "file of 0 bytes": lambda place, t1ce: os.truncate(t1ce, 0),
    "text file": lambda place, t1ce: t1ce.write_text("hello") and None,
    "NaN voxel": _rewritten(lambda array, affine: (_with_nan(array), affine)),
    "constant": _rewritten(lambda array, affine: (array * 0 + 5, affine)),
    "skull not stripped": _rewritten(lambda array, affine: (_noise(array), affine)),
    "label map as scan": _rewritten(lambda array, affine: ((array > 500) * np.float32(2), affine)),
    "sheared": _rewritten(lambda array, affine: (array, _shear(affine))),
    "other grid": _rewritten(lambda array, affine: (array[1:], affine)),
    "4D": _rewritten(lambda array, affine: (np.stack([array, array], -1), affine)),
    "voxel size 0": _without_voxel_size,
    "one file as two sequences": lambda place, t1ce: shutil.copy(t1ce, place / f"{place.name}_flair.nii.gz") and None,
    "only DICOM": _alone("1", bytes(128) + b"DICM"),
    "only .mha": _alone("t1ce.mha", b"ObjectType = Image"),
    "only a zip file": _alone("scans.zip", b"PK\3\4"),
    "line break in the name": _renamed("\n1"),
    "name of 220 bytes": _renamed("x" * 215),
    "no network": lambda place, t1ce: None,
    "network with NaN weights": lambda place, t1ce: None,
    "network with a damaged record": lambda place, t1ce: None,
    "network that is no checkpoint": lambda place, t1ce: None,
}
# Of the kinds with other sequences than T1ce and FLAIR.
SEQUENCES_OF = {
    "no network": NO_NETWORK,
    "network with NaN weights": NAN_NETWORK,
    "network with a damaged record": BROKEN_RECORD,
    "network that is no checkpoint": NO_CHECKPOINT,
}

# SPDX-License-Identifier: Apache-2.0
"""What is known of one scan before its voxels are read: its header, and the JSON file beside it."""

from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
from scripts.common.errors import ScanError
from scripts.common.json_files import read_json
from scripts.common.sequences import SEQUENCES, nifti_stem, parse_files
from scripts.preprocess.raw_files import sidecar_of

# Voxels whose largest sizes differ by less than this share count as equally fine.
AS_FINE = 0.1


@dataclass(frozen=True)
class Series:
    """One scan.

    Attributes:
        file: NIfTI.
        facts: of the JSON file beside it, in the words and units (seconds) of dcm2niix; may be empty.
        shape: of its voxels.
        sizes: mm, of a voxel along the first three axes.
        named: the sequence that its file name ends in, if the user named it; else None.
    """

    file: Path
    facts: dict = field(default_factory=dict)
    shape: tuple[int, ...] = (100, 100, 100)
    sizes: tuple[float, ...] = (1.0, 1.0, 1.0)
    named: str | None = None

    @property
    def description(self) -> str:
        """What the scanner or the user calls it."""
        texts = (self.facts.get("SeriesDescription"), self.facts.get("ProtocolName"), nifti_stem(self.file.name))
        return next(str(text) for text in texts if text)

    @property
    def title(self) -> str:
        """Its number and description, or its file's name, for messages."""
        number = self.facts.get("SeriesNumber")
        return self.file.name if number is None else f"series {number} ({self.description})"

    @property
    def thickest(self) -> float:
        """The largest size of its voxels in mm."""
        return max(self.sizes)


def read_series(subject: str, file: Path, converted: bool) -> Series:
    """What is known of a scan.

    Args:
        subject: for messages.
        file: NIfTI.
        converted: whether `scripts.preprocess.convert` has made it, so that no user named it.

    Raises:
        ScanError: the file cannot be read.
    """
    try:
        image = nib.load(file)
        shape, sizes = image.shape, [float(size) for size in image.header.get_zooms()[:3]]
    except Exception as error:  # nibabel raises many types for a damaged file
        raise ScanError(f"{subject}: {file} cannot be read as NIfTI: convert it again, or take it away.") from error
    named = None if converted else _named(file)
    return Series(file, _facts(subject, file), tuple(map(int, shape)), tuple(np.round(sizes, 4).tolist()), named)


def _named(file: Path) -> str | None:
    """The sequence that the file's name says; the files beside it and the folders above tell its subject's name."""
    beside = [path for path in file.parent.iterdir() if not path.name.startswith(".")]
    _, name = parse_files([file, *beside]).get(file, ("", None))
    return name if name in SEQUENCES else None


def _facts(subject: str, file: Path) -> dict:
    sidecar = sidecar_of(file)
    if not sidecar.is_file():
        return {}
    try:
        facts = read_json(sidecar)
    except (OSError, ValueError) as error:
        raise ScanError(
            f"{subject}: {sidecar} cannot be read as JSON ({error}): correct it, or take it away."
        ) from error
    if not isinstance(facts, dict):
        raise ScanError(f"{subject}: {sidecar} holds no JSON object: correct it, or take it away.")
    return facts


def finest(scans: list[Series]) -> list[Series]:
    """Those with the finest voxels: the smallest of their largest sizes, and those up to `AS_FINE` above it."""
    least = min(scan.thickest for scan in scans)
    return [scan for scan in scans if scan.thickest <= least * (1 + AS_FINE)]


def titles(scans: list[Series], between: str = " and ") -> str:
    """The scans for messages; those of one number and description, such as two echoes, with their files."""
    known = [scan.title for scan in scans]
    return between.join(
        title if known.count(title) == 1 else f"{title} in {scan.file.name}" for title, scan in zip(known, scans)
    )

# SPDX-License-Identifier: Apache-2.0
"""Writes a subject's label map in the scan's own geometry, with its record beside it."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.transforms import Transform

from scripts.common.choices import EXISTING
from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.sequences import nifti_stem
from scripts.inference.segmentation_record import network_facts, read_record


class SaveSegmentationd(Transform):
    """Save ``<output_dir>/<subject>/<subject>_seg.nii.gz``, its record as JSON and, where asked, the probabilities.

    MONAI's ``SaveImaged`` would name the file after the first sequence of the subject. The label map is written last:
    where it is there, so is the rest.

    Args:
        output_dir: folder for the results.
        key: probabilities (3, X, Y, Z) of tc, wt, et in the scan's own grid, a MetaTensor.
        probabilities: also write ``<subject>_probabilities.nii.gz``, float32, (X, Y, Z, 3).
    """

    def __init__(self, output_dir: str, key: str = "pred", probabilities: bool = False) -> None:
        self.output_dir = output_dir
        self.key = key
        self.probabilities = probabilities

    def __call__(self, data):
        """
        Args:
            data: with ``subject``, ``label_map`` (uint8, (X, Y, Z), a MetaTensor), ``record`` (a dictionary of JSON
                values) and, if they are to be saved, the probabilities.

        Returns:
            The same; ``saved`` is the label map's path.
        """
        path = label_map_path(self.output_dir, data["subject"])
        save_all(path, data["label_map"], data["record"], data[self.key] if self.probabilities else None)
        return dict(data) | {"saved": str(path)}


def save_all(path: Path, label_map, record: dict, probabilities=None) -> None:
    """Write a label map ``x_seg.nii.gz``, its record ``x_seg.json`` and, unless None, ``x_probabilities.nii.gz``."""
    stem = nifti_stem(path.name)
    text = json.dumps(record, indent=4) + "\n"
    save_atomically(record_path(path), lambda file: file.write_text(text))
    if probabilities is not None:
        last = np.moveaxis(np.asarray(probabilities, dtype=np.float32), 0, -1)
        _save(last, probabilities.affine, path.with_name(f"{stem.removesuffix('_seg')}_probabilities.nii.gz"))
    _save(np.asarray(label_map, dtype=np.uint8), label_map.affine, path)


def label_map_path(output_dir: str | Path, subject: str) -> Path:
    """Where a subject's label map goes."""
    return Path(output_dir) / subject / f"{subject}_seg.nii.gz"


def record_path(label_map: Path) -> Path:
    """Where the record of a label map stands: beside it, as JSON."""
    return label_map.with_name(f"{nifti_stem(label_map.name)}.json")


def pending_subjects(
    items: list[dict],
    output_dir: str | Path,
    existing: str = "overwrite",
    settings: dict | None = None,
    networks: list[str] | None = None,
) -> list[dict]:
    """The datalist items to segment: all, or with ``existing="skip"`` those whose label map is not there yet.

    Args:
        items: from `scripts.data.datalist.subjects_in`.
        output_dir: as of `SaveSegmentationd`.
        existing: ``overwrite`` or ``skip``.
        settings: of this run; label maps that were made with others are not mixed with its own.
        networks: weight files of this run; None where each item has its own (``network``).

    Raises:
        UserError: another value of ``existing``, a label map that would be skipped and was made otherwise (with other
            settings, or by other weights), or one that would be overwritten and is not ours (`check_ours`).
    """
    if existing not in EXISTING:
        raise UserError(f"existing is {existing!r}, but must be one of {', '.join(EXISTING)}.")
    if existing == "overwrite":
        for item in items:
            check_ours(label_map_path(output_dir, item["subject"]))
        return items
    left = []
    for item in items:
        path = label_map_path(output_dir, item["subject"])
        if path.is_file():
            files = [item["network"]] if networks is None and "network" in item else networks
            _check_made_alike(path, settings or {}, files or [])
        else:
            left.append(item)
    return left


def check_ours(label_map: Path) -> None:
    """Refuse to overwrite a label map, or what stands in the place of its record, that inference has not made.

    Raises:
        UserError: naming the file.
    """
    record = record_path(label_map)
    there = [path for path in (label_map, record) if path.exists()]
    if there and read_record(record) is None:
        raise UserError(
            f"{there[0]} is there and was not made by inference, since {record.name} is no record of it: choose "
            "another folder or name for the output, or move it away."
        )


def _check_made_alike(path: Path, settings: dict, networks: list[str]) -> None:
    made = read_record(record_path(path)) or {}  # a label map from elsewhere says nothing
    used = {network["sha256"]: network["file"] for network in made.get("networks", [])}
    for file in networks if used else ():
        if Path(file).is_file() and network_facts(file)["sha256"] not in used:  # a missing one is refused on loading
            raise UserError(
                f"{path} was made by {', '.join(used.values())}, now it would be by {file}, whose weights are others: "
                "choose another --output_dir, or make all anew with --existing overwrite."
            )
    had = made.get("settings", {})
    for name in sorted(had.keys() & settings.keys()):
        if had[name] != settings[name]:
            raise UserError(
                f"{path} was made with {name} {had[name]!r}, now it is {settings[name]!r}: choose another "
                f"--output_dir, go on with --{name} {had[name]}, or make all anew with --existing overwrite."
            )


def _save(array: np.ndarray, affine, path: Path) -> None:
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    save_atomically(path, lambda file: nib.save(image, file))

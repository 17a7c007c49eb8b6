# SPDX-License-Identifier: Apache-2.0
"""Writes the parts of an inference's report from scans and label maps on disk."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scripts.common.errors import ScanError, UserError
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, SEQUENCES, ordered
from scripts.data.datalist import subjects_in
from scripts.data.load_scan import LoadSequencesd
from scripts.inference.save_segmentation import label_map_path, record_path
from scripts.inference.segmentation_record import read_record
from scripts.report.label_map_record import recorded_facts
from scripts.report.parts import read_part, write_part
from scripts.report.picture import picture
from scripts.report.read_label_map import read_regions, reoriented
from scripts.report.run_info import read_run
from scripts.report.titles import SEQUENCE_TITLES


def load_scans(item: Mapping, sequences: Iterable[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A datalist item's scans, (X, Y, Z) by sequence in the order in which they are shown, and their affine.

    Scans on another grid than the first are resampled to it: the run that made the label map was allowed to.

    Raises:
        ScanError: a file that cannot be used.
    """
    names = ordered(sequences)
    image = LoadSequencesd(names, resample=True)(item)["image"]
    volumes = dict(zip(names, image.numpy()))
    return {name: volumes[name] for name in SEQUENCE_TITLES if name in volumes}, np.asarray(image.affine, dtype=float)


def draw_subject(output_dir, item: Mapping, sequences=None, network: str | None = None, label_map=None) -> None:
    """Write the part of a segmented subject: volumes of its label map, and a picture if the scans can be read.

    The record ``<subject>_seg.json`` takes precedence over ``sequences``, ``network`` and the item's label convention.

    Args:
        output_dir: folder of the segmentations.
        item: datalist item: ``subject``, the paths of its sequences and perhaps the label map's ``label_convention``.
        sequences: what the network saw; by default all of the item's.
        network: its weight file, whose name is shown.
        label_map: path, by default ``<output_dir>/<subject>/<subject>_seg.nii.gz``.

    Raises:
        ScanError: the label map cannot be used.
    """
    subject = item["subject"]
    path = Path(label_map or label_map_path(output_dir, subject))
    available = [name for name in SEQUENCES if name in item]
    seen = list(ordered(sequences)) if sequences else available
    facts = {"subject": subject, "sequences": seen, "network": network and Path(network).name}
    recorded = recorded_facts(path)
    facts |= {name: recorded[name] for name in ("sequences", "network") if name in recorded}
    regions, affine = read_regions(subject, path, _convention(recorded, item))
    voxels = np.count_nonzero(regions, axis=(1, 2, 3))
    facts["volumes_ml"] = {region: float(count * voxel_ml(affine)) for region, count in zip(REGIONS, voxels)}
    facts["label_map"] = _identity(path, recorded, item)
    html = ""
    try:
        if not available:
            raise ScanError("no scan of this subject was found: name the folder of the scans with --dataset_dir.")
        images, scan_affine = load_scans(item, facts["sequences"])
        regions = reoriented(regions, affine, scan_affine, next(iter(images.values())).shape, str(path))
        html = picture(subject, images, scan_affine, {"prediction": regions})
    except ScanError as error:
        facts["note"] = f"No picture: {error}"
    write_part(Path(output_dir) / "report", facts, html)


def draw_missing(
    output_dir, items: Mapping[str, Mapping], label_convention: str | None = None, foreign: bool = False
) -> None:
    """Write the missing and outdated parts of all label maps in a folder, as a stopped run leaves them.

    A part is outdated if it has no picture, or if the label map or its label convention has changed since. A label
    map that cannot be used becomes a failed subject, and the others go on. Subjects that the run itself could not
    segment are left alone.

    Args:
        output_dir: folder of the segmentations.
        items: datalist items by subject; without one there is no picture.
        label_convention: of label maps without a record; by default that of the old part, or else the item's.
        foreign: also draw label maps that have neither a record nor a part: other software made them.
    """
    parts = Path(output_dir) / "report"
    for path in sorted(Path(output_dir).glob("*/*_seg.nii.gz")):
        subject = path.parent.name
        if path != label_map_path(output_dir, subject):
            continue
        part = read_part(parts, subject)
        item = {"subject": subject, "label_convention": "brats"} | dict(items.get(subject, {}))
        drawn = (part or {}).get("label_map", {})
        item["label_convention"] = label_convention or drawn.get("label_convention", item["label_convention"])
        if part is None:
            wanted = foreign or read_record(record_path(path)) is not None
        elif "failed" in part:
            wanted = "label_map" in part  # without it, the run could not segment the subject
        else:
            wanted = "note" in part or drawn != _identity(path, recorded_facts(path), item)
        try:
            if wanted:
                draw_subject(output_dir, item)
        except ScanError as error:
            write_part(parts, {"subject": subject, "failed": str(error), "label_map": {"sha256": _sha256(path)}})


def draw_folder(output_dir, dataset_dir=None, label_convention: str | None = None) -> None:
    """`draw_missing` with the scans of the run and, if given, those of another folder.

    Args:
        output_dir: folder of the label maps.
        dataset_dir: folder of scans; only with it, label maps that other software made are drawn too.
        label_convention: of those label maps, of `LABEL_CONVENTIONS`; by default as the subjects' names tell.

    Raises:
        UserError: the dataset folder does not exist or is not understood, or the report is of an evaluation.
    """
    run, items = read_run(output_dir), []
    if run["kind"] == "evaluation":
        if dataset_dir:
            raise UserError(
                f"{output_dir} holds an evaluation, whose pictures are complete: leave --dataset_dir out, or put the "
                "label maps into another folder."
            )
        return
    if dataset_dir:
        items = subjects_in(dataset_dir, SEQUENCES, labelled=False, label_convention=label_convention)
    scans = run["scans"] | {item["subject"]: item for item in items}
    draw_missing(output_dir, scans, label_convention, foreign=bool(dataset_dir))


def _identity(label_map: Path, recorded: Mapping, item: Mapping) -> dict:
    """What a picture of a label map depends on."""
    return {"sha256": _sha256(label_map), "label_convention": _convention(recorded, item)}


def _convention(recorded: Mapping, item: Mapping) -> str | None:
    return recorded.get("label_convention") or item.get("label_convention")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

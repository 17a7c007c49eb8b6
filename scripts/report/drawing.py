# SPDX-License-Identifier: Apache-2.0
"""One subject's part of a report, from its scans and its label map as they lie on disk."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.common.errors import ScanError
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, SEQUENCES, ordered
from scripts.data.load_scan import LoadSequencesd
from scripts.inference.save_segmentation import label_map_path, record_path
from scripts.inference.segmentation_record import read_record
from scripts.report.label_map import read_regions, turned_to
from scripts.report.overlay import picture
from scripts.report.page import used_first
from scripts.report.parts import read_part, write_part
from scripts.report.segmentation import written_facts


def scans_of(item: Mapping, sequences) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A datalist item's scans, (X, Y, Z) by sequence in the order of rows, and their affine: the first one's grid.

    Those on another grid are resampled: where a label map was made, this was asked for.

    Raises:
        ScanError: a file that cannot be used.
    """
    names = ordered(sequences)
    image = LoadSequencesd(names, resample=True)(item)["image"]
    volumes = dict(zip(names, image.numpy()))
    return {name: volumes[name] for name in used_first(names)}, np.asarray(image.affine, dtype=float)


def keep_segmented(output_dir, item: Mapping, sequences=None, network: str | None = None, label_map=None) -> None:
    """Keep a segmented subject for the report: volumes of its label map, and a picture where the scans can be read.

    What ``<subject>_seg.json`` says of the sequences, the network and the numbering goes before what is given here.

    Args:
        output_dir: folder of the segmentations.
        item: datalist item with ``subject``, the paths of its sequences and perhaps the label map's ``label_convention``.
        sequences: that the network saw; those of the item by default.
        network: what to call it.
        label_map: path, ``<output_dir>/<subject>/<subject>_seg.nii.gz`` by default.

    Raises:
        ScanError: the label map cannot be used.
    """
    subject = item["subject"]
    path = Path(label_map or label_map_path(output_dir, subject))
    given = [name for name in SEQUENCES if name in item]
    record = {"subject": subject, "sequences": list(ordered(sequences)) if sequences else given, "network": network}
    written = written_facts(record_path(path))
    record |= {name: written[name] for name in ("sequences", "network") if name in written}
    label_convention = _convention(written, item)
    regions, affine = read_regions(subject, path, label_convention)
    one = voxel_ml(affine)
    volumes = {name: float(np.count_nonzero(region) * one) for name, region in zip(REGIONS, regions)}
    record |= {"volumes_ml": volumes, "label_map": {"sha256": _sha256(path), "label_convention": label_convention}}
    try:
        if not given:
            raise ScanError("no scan of the subject was found: name their folder to scripts.report as --dataset_dir.")
        images, scan_affine = scans_of(item, record["sequences"])
        regions = turned_to(scan_affine, next(iter(images.values())).shape, regions, affine, str(path))
        drawn = picture(subject, images, scan_affine, {"prediction": regions})
    except ScanError as error:
        record["note"], drawn = f"No picture: {error}", ""
    write_part(Path(output_dir) / "report", record, drawn)


def draw_missing(
    output_dir, items: Mapping[str, Mapping], label_convention: str | None = None, every: bool = False
) -> None:
    """Keep every subject whose part of the report is not that of its label map, as a stopped run leaves them.

    These have a label map with a record beside it and no part yet, or a part without picture, or one of a label map
    that was changed since. One whose label map cannot be used is kept with its sentence, and the others go on; those
    that the run itself could not do are left alone.

    Args:
        output_dir: folder of the segmentations.
        items: datalist items by subject; without one there is no picture.
        label_convention: of the label maps without a record; by default as they were drawn before, or as their items say.
        every: also draw label maps that have neither record nor part, those from elsewhere.
    """
    parts = Path(output_dir) / "report"
    for path in sorted(Path(output_dir).glob("*/*_seg.nii.gz")):
        subject = path.parent.name
        if path != label_map_path(output_dir, subject):
            continue
        kept = read_part(parts, subject)
        item = {"subject": subject, "label_convention": "brats"} | dict(items.get(subject, {}))
        before = (kept or {}).get("label_map", {})
        item["label_convention"] = label_convention or before.get("label_convention", item["label_convention"])
        if kept is None:
            wanted = every or read_record(record_path(path)) is not None
        else:
            wanted = _outdated(kept, path, item)
        try:
            if wanted:
                keep_segmented(output_dir, item)
        except ScanError as error:
            write_part(parts, {"subject": subject, "failed": str(error), "label_map": {"sha256": _sha256(path)}})


def _outdated(kept: dict, path: Path, item: Mapping) -> bool:
    """Whether a part is to be drawn anew."""
    if "failed" in kept:
        return "label_map" in kept  # without it, it was the run that could not do the subject
    now = {"sha256": _sha256(path), "label_convention": _convention(written_facts(record_path(path)), item)}
    return "note" in kept or kept.get("label_map") != now


def _convention(written: Mapping, item: Mapping) -> str | None:
    return written.get("label_convention") or item.get("label_convention")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

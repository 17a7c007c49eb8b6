# SPDX-License-Identifier: Apache-2.0
"""Writes the part of one subject of an inference from its scans and its label map on disk."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scripts.common.errors import ScanError
from scripts.common.label_map_state import label_map_path, sha256_of
from scripts.common.metrics import voxel_ml
from scripts.common.sequences import REGIONS, SEQUENCES, ordered
from scripts.common.titles import SEQUENCE_TITLES
from scripts.data.item_files import file_of, other_scans
from scripts.data.load_scan import LoadSequencesd
from scripts.report.label_map_record import recorded_facts
from scripts.report.parts import read_part, read_picture, write_part
from scripts.report.picture import SLICES, picture
from scripts.report.read_label_map import read_regions, reoriented


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


def check_scans(item: Mapping, recorded: Mapping) -> None:
    """Refuse scans that are not those that were segmented.

    Raises:
        ScanError: a file's hash is not the recorded one.
    """
    if other := other_scans(item, recorded.get("scans_sha256", {})):
        raise ScanError(
            f"{file_of(item[other[0]])} is not the scan that was segmented: name the folder of these scans with "
            "--dataset_dir."
        )


def draw_subject(output_dir, item: Mapping, failed: str | None = None, slices: int = SLICES) -> None:
    """Write the part of a segmented subject: volumes of its label map, and a picture if the scans can be read.

    If they cannot, an earlier picture of the same label map stays. If the label map cannot be used, the part says so.

    What the network saw, its weight file and the label convention are those of the record ``<subject>_seg.json``; a
    label map without a record is of all sequences of the item and of its label convention.

    Args:
        output_dir: folder of the segmentations.
        item: datalist item: ``subject``, the paths of its sequences and perhaps the label map's ``label_convention``.
        failed: why the latest run could not segment the subject; the label map is of an earlier one.
        slices: see `scripts.report.picture.picture`.
    """
    subject, parts = item["subject"], Path(output_dir) / "report"
    path = label_map_path(output_dir, subject)
    available = [name for name in SEQUENCES if name in item]
    recorded = recorded_facts(path)
    facts = {"subject": subject, "sequences": available, "network": None} | ({"failed": failed} if failed else {})
    facts |= {name: recorded[name] for name in ("sequences", "network") if name in recorded}
    try:
        regions, affine = read_regions(subject, path, convention_of(recorded, item), "label_convention" in recorded)
    except ScanError as error:
        reason = {"failed": failed} if failed else {"failed": str(error), "label_map": {"sha256": sha256_of(path)}}
        write_part(parts, {"subject": subject} | reason)
        return
    voxels = np.count_nonzero(regions, axis=(1, 2, 3))
    facts["volumes_ml"] = {region: float(count * voxel_ml(affine)) for region, count in zip(REGIONS, voxels)}
    facts["label_map"] = identity(path, recorded, item)
    try:
        if not available:
            raise ScanError("no scan of this subject was found: name the folder of the scans with --dataset_dir.")
        check_scans(item, recorded)
        images, scan_affine = load_scans(item, facts["sequences"])
        regions = reoriented(regions, affine, scan_affine, next(iter(images.values())).shape, str(path))
        html = picture(subject, images, scan_affine, {"prediction": regions}, slices=slices)
        facts["slices"] = slices
    except ScanError as error:
        earlier = read_part(parts, subject) or {}
        html = read_picture(parts, subject) if earlier.get("label_map") == facts["label_map"] else ""
        facts = earlier | {name: fact for name, fact in facts.items() if fact} if html else facts
        facts |= {} if html else {"note": f"No picture: {error}"}
    write_part(parts, facts, html)


def identity(label_map: Path, recorded: Mapping, item: Mapping) -> dict:
    """What a picture of a label map depends on."""
    return {"sha256": sha256_of(label_map), "label_convention": convention_of(recorded, item)}


def convention_of(recorded: Mapping, item: Mapping) -> str | None:
    return recorded.get("label_convention") or item.get("label_convention")

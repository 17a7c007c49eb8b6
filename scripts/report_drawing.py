# SPDX-License-Identifier: Apache-2.0
"""One subject's part of a report, from its scans and its label map as they lie on disk."""

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from scipy.ndimage import find_objects

from scripts.errors import ScanError
from scripts.labels import recognise, regions_from_label
from scripts.overlay import picture
from scripts.report_page import used_first
from scripts.report_parts import write_part
from scripts.report_segmentation import subject_facts
from scripts.save_segmentation import label_map_path
from scripts.scan import LoadSequencesd
from scripts.sequences import REGIONS, SEQUENCES, ordered


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

    What ``<subject>_seg.json`` says of the sequences, the network and the volumes goes before what is given here.

    Args:
        output_dir: folder of the segmentations.
        item: datalist item with ``subject`` and the paths of its sequences.
        sequences: that the network saw; those of the item by default.
        network: what to call it.
        label_map: path, ``<output_dir>/<subject>/<subject>_seg.nii.gz`` by default.

    Raises:
        ScanError: the label map cannot be read.
    """
    subject = item["subject"]
    path = Path(label_map or label_map_path(output_dir, subject))
    given = [name for name in SEQUENCES if name in item]
    record = {"subject": subject, "sequences": list(ordered(sequences)) if sequences else given, "network": network}
    regions, voxel_ml = _regions(subject, path)
    volumes = [float(np.count_nonzero(region) * voxel_ml) for region in regions]
    record = subject_facts(output_dir, record | {"volumes_ml": dict(zip(REGIONS, volumes))})
    record = {name: record[name] for name in ("subject", "sequences", "network", "volumes_ml")}
    try:
        if not record["sequences"]:
            raise ScanError("no scan of the subject was found.")
        images, scan_affine = scans_of(item, record["sequences"])
        if any(image.shape != regions.shape[1:] for image in images.values()):
            raise ScanError(f"{path} has another grid than the scans.")
        drawn = picture(subject, images, scan_affine, {"prediction": regions})
    except ScanError as error:
        record["note"], drawn = f"No picture: {error}", ""
    write_part(Path(output_dir) / "report", record, drawn)


def _regions(subject: str, path: Path) -> tuple[np.ndarray, float]:
    """Bool (3, X, Y, Z) of a label map, and the volume of a voxel in ml."""
    try:
        image = nib.load(path)
        label = np.asarray(image.dataobj).astype(np.uint8)
    except Exception as error:  # nibabel, gzip and zlib raise a dozen kinds for a damaged file
        raise ScanError(f"{subject}: the label map {path} cannot be read: segment the subject again.") from error
    regions = np.zeros((len(REGIONS), *label.shape), dtype=bool)
    # most of a scan is background: what follows takes a tenth of the time in the tumour's box
    for box in find_objects((label > 0).view(np.uint8)):  # one, or none in an empty map
        tumour = np.ascontiguousarray(label[box])
        numbering = recognise([0, *np.flatnonzero(np.bincount(tumour.ravel())).tolist()])
        regions[(slice(None), *box)] = regions_from_label(torch.from_numpy(tumour)[None], numbering).bool().numpy()
    return regions, float(np.prod(image.header.get_zooms()[:3])) / 1000

# SPDX-License-Identifier: Apache-2.0
"""Compares the label maps of two folders: volumes of both, the Dice between them, and their outlines side by side."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scripts.common.errors import ScanError, UserError
from scripts.common.label_map_state import MISSING, OUTDATED, label_map_path, label_maps_in, state_of
from scripts.common.metrics import dice, voxel_ml
from scripts.common.sequences import REGIONS, SEQUENCES
from scripts.report.drawing import check_scans, convention_of, load_scans
from scripts.report.folder import scans_of
from scripts.report.label_map_record import recorded_facts
from scripts.report.parts import read_part
from scripts.report.picture import SLICES, picture
from scripts.report.read_label_map import read_regions, reoriented
from scripts.report.run_info import read_run


def label_mapped(folder) -> set[str]:
    """Subjects whose label map lies in a folder."""
    return {subject for subject, path in label_maps_in(folder).items() if state_of(path) not in (MISSING, OUTDATED)}


class Comparison:
    """The label maps of two folders, subject by subject.

    Args:
        folders: two folders of label maps, of inference or of other software.
        dataset_dir: folder of scans for the pictures; by default those of the runs.
        label_convention: of label maps without a record; by default that of the earlier report, or BraTS.
        slices: in each plane of a picture, see `scripts.report.picture.picture`.

    Attributes:
        names: of the two, the folders' own names, or their paths if these are the same.
        subjects: with a label map in both, by name.
        alone: subjects that only one of the two has, by its name.

    Raises:
        UserError: a folder is not there, or no subject has a label map in both.
    """

    def __init__(self, folders, dataset_dir=None, label_convention: str | None = None, slices: int = SLICES) -> None:
        self.folders = [Path(folder) for folder in folders]
        for folder in self.folders:
            if not folder.is_dir():
                raise UserError(f"{folder} is not a folder: name one that `inference` wrote to.")
        names = [folder.resolve().name for folder in self.folders]
        self.names = names if names[0] != names[1] else [str(folder) for folder in self.folders]
        first, second = (label_mapped(folder) for folder in self.folders)
        self.subjects = sorted(first & second)
        self.alone = dict(zip(self.names, (sorted(first - second), sorted(second - first))))
        if not self.subjects:
            raise UserError(
                f"No subject has a label map, <subject>/<subject>_seg.nii.gz, both in {folders[0]} and in {folders[1]}: "
                "correct the folders."
            )
        self.items = {}
        given = scans_of({"scans": {}}, dataset_dir, label_convention)
        for scans in (*(scans_of(read_run(folder)) for folder in reversed(self.folders)), given):
            for subject, item in scans.items():  # each run has only the sequences that its network saw
                self.items[subject] = {**self.items.get(subject, {}), **item}
        self.label_convention, self.slices = label_convention, slices

    def subject(self, subject: str) -> tuple[dict, list[np.ndarray], np.ndarray]:
        """One subject's facts, and the regions (3, X, Y, Z) of both label maps in the first one's grid with its affine.

        Returns:
            facts: ``volumes_ml`` and ``sequences`` and ``network`` of each, in lists, and ``dice`` by region.

        Raises:
            ScanError: a label map cannot be used, or they are of different scans or on different grids.
        """
        facts, regions, affines = {"subject": subject, "sequences": [], "network": []}, [], []
        both = [self._known(folder, subject) for folder in self.folders]
        _check_same_scans(*(known for known, _, _ in both))
        for folder, (known, convention, recorded) in zip(self.folders, both):
            facts["sequences"].append(known.get("sequences") or [])
            facts["network"].append(known.get("network"))
            maps, affine = read_regions(subject, label_map_path(folder, subject), convention, recorded)
            regions.append(maps)
            affines.append(affine)
        path = label_map_path(self.folders[1], subject)
        regions[1] = reoriented(
            regions[1], affines[1], affines[0], regions[0].shape[1:], str(path), "the first label map"
        )
        facts["dice"] = {name: dice(*pair) for name, *pair in zip(REGIONS, *regions)}
        facts["volumes_ml"] = [
            {name: np.count_nonzero(region) * voxel_ml(affines[0]) for name, region in zip(REGIONS, maps)}
            for maps in regions
        ]
        return facts, regions, affines[0]

    def picture(self, subject: str) -> str:
        """HTML of both outlines side by side, on all sequences that one of the two networks saw.

        Raises:
            ScanError: the scans cannot be used.
        """
        facts, regions, affine = self.subject(subject)
        item = self.items.get(subject, {})
        available = [name for name in SEQUENCES if name in item]
        if not available:
            raise ScanError("no scan of this subject was found: name the folder of the scans with --dataset_dir.")
        for folder in self.folders:
            check_scans(item, recorded_facts(label_map_path(folder, subject)))
        shown = {name for names in facts["sequences"] for name in names} or set(available)
        images, scan_affine = load_scans(item | {"subject": subject}, shown)
        shape = next(iter(images.values())).shape
        regions = [reoriented(maps, affine, scan_affine, shape, f"The label map of {subject}") for maps in regions]
        seen = {name: names or available for name, names in zip(self.names, facts["sequences"])}
        return picture(
            subject, images, scan_affine, dict(zip(self.names, regions)), seen=seen, slices=self.slices, beside=True
        )

    def _known(self, folder: Path, subject: str) -> tuple[Mapping, str | None, bool]:
        """What record and part say about a label map, its label convention, and whether that is recorded."""
        recorded = recorded_facts(label_map_path(folder, subject))
        part = read_part(folder / "report", subject) or {}
        drawn = part.get("label_map", {})
        item = {"label_convention": "brats"} | self.items.get(subject, {}) | drawn
        if self.label_convention:
            item["label_convention"] = self.label_convention
        return part | recorded, convention_of(recorded, item), "label_convention" in recorded


def _check_same_scans(first: Mapping, second: Mapping) -> None:
    """Refuse label maps whose recorded facts have different scans of one sequence."""
    hashes, others = (facts.get("scans_sha256", {}) for facts in (first, second))
    if differing := [name for name in SEQUENCES if name in hashes and others.get(name, hashes[name]) != hashes[name]]:
        raise ScanError(
            f"the two label maps are of different {differing[0]} scans, perhaps of two patients of one name: segment "
            "the same scans."
        )

# SPDX-License-Identifier: Apache-2.0
"""Where a label map, its record and its probabilities lie, and whether they belong together.

A record holds the sha256 of its own label map's file (``label_map_sha256``) and of the file that this one replaces
(``replaced_sha256``). It is written first. So after a kill in between, the old label map is recognised by the second.
Of the probabilities it holds ``probabilities_sha256`` and ``replaced_probabilities_sha256``.
"""

import os
from pathlib import Path

from scripts.common.files import hash_of
from scripts.common.read_record import read_record
from scripts.common.sequences import nifti_stem

# There is no label map.
MISSING = "missing"
# The label map has no record: inference did not make it.
FOREIGN = "foreign"
# It is the record's own, or the record is of an older version and has no hash.
MADE = "made"
# It is the one that the record's own should have replaced: the run was killed in between.
OUTDATED = "outdated"
# It is neither: somebody changed it after inference.
EDITED = "edited"


def label_map_path(output_dir: str | Path, subject: str) -> Path:
    """Path of a subject's label map."""
    return Path(output_dir) / subject / f"{subject}_seg.nii.gz"


def record_path(label_map: Path) -> Path:
    """Path of a label map's record, the JSON file beside it."""
    return label_map.with_name(f"{nifti_stem(label_map.name)}.json")


def probabilities_path(label_map: Path) -> Path:
    """``x_probabilities.nii.gz`` beside ``x_seg.nii.gz``."""
    return label_map.with_name(f"{nifti_stem(label_map.name).removesuffix('_seg')}_probabilities.nii.gz")


def label_map_of(record: Path) -> Path:
    """Path of the label map beside a record, ``.nii.gz`` unless only ``.nii`` is there."""
    plain = record.with_suffix(".nii")
    return plain if plain.is_file() else record.with_suffix(".nii.gz")


def label_maps_in(folder: str | Path) -> dict[str, Path]:
    """The label maps in a folder by subject, each in the place of `label_map_path`, sorted; other files are left out."""
    paths = sorted(Path(folder).glob("*/*_seg.nii.gz"))
    return {path.parent.name: path for path in paths if path == label_map_path(folder, path.parent.name)}


def records_in(folder: str | Path) -> dict[str, Path]:
    """The JSON files in a folder that lie where the records of subjects' label maps do, as of `label_maps_in`."""
    paths = sorted(Path(folder).glob("*/*_seg.json"))
    return {path.parent.name: path for path in paths if path == record_path(label_map_path(folder, path.parent.name))}


def sha256_of(path: Path) -> str | None:
    """The sha256 of a file, None if there is none."""
    return hash_of(path) if path.is_file() else None


def state_of(label_map: Path) -> str:
    """One of `MISSING`, `FOREIGN`, `MADE`, `OUTDATED` and `EDITED`."""
    return _state(label_map, label_map, "label_map_sha256", "replaced_sha256", EDITED)


def state_of_probabilities(label_map: Path) -> str:
    """`MISSING`, `FOREIGN`, `MADE` or `OUTDATED`: of the file of the probabilities beside a label map.

    Records of version 0.12 and earlier have no hash of it: beside them it is `MADE`.
    """
    names = "probabilities_sha256", "replaced_probabilities_sha256"
    return _state(probabilities_path(label_map), label_map, *names, FOREIGN)


def _state(file: Path, label_map: Path, own: str, replaced: str, changed: str) -> str:
    """The state of a file that the label map's record names under two keys; `changed` if it fits neither."""
    if not os.path.isfile(file):  # false for a path that is too long
        return MISSING
    record = read_record(record_path(label_map))
    if record is None:
        return FOREIGN
    # null is no hash of a label map, and says of probabilities that there are none
    if own not in record or (file == label_map and record[own] is None):
        return MADE
    found = sha256_of(file)
    if found == record[own]:
        return MADE
    return OUTDATED if found == record.get(replaced) else changed

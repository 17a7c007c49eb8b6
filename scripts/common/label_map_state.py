# SPDX-License-Identifier: Apache-2.0
"""Where a label map and its record lie, and whether the two belong together.

A record holds the sha256 of its own label map's file (``label_map_sha256``) and of the file that this one replaces
(``replaced_sha256``). It is written first. So after a kill in between, the old label map is recognised by the second.
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


def label_map_of(record: Path) -> Path:
    """Path of the label map beside a record, ``.nii.gz`` unless only ``.nii`` is there."""
    plain = record.with_suffix(".nii")
    return plain if plain.is_file() else record.with_suffix(".nii.gz")


def sha256_of(path: Path) -> str | None:
    """The sha256 of a file, None if there is none."""
    return hash_of(path) if path.is_file() else None


def state_of(label_map: Path) -> str:
    """One of `MISSING`, `FOREIGN`, `MADE`, `OUTDATED` and `EDITED`."""
    if not os.path.isfile(label_map):  # false for a path that is too long
        return MISSING
    record = read_record(record_path(label_map))
    if record is None:
        return FOREIGN
    if record.get("label_map_sha256") is None:
        return MADE
    found = sha256_of(label_map)
    if found == record["label_map_sha256"]:
        return MADE
    return OUTDATED if found == record.get("replaced_sha256") else EDITED

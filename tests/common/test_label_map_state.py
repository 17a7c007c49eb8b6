# SPDX-License-Identifier: Apache-2.0
"""Whether a label map and its record belong together is told by hashes."""

import hashlib
import json

import pytest
from scripts.common.label_map_state import (
    EDITED,
    FOREIGN,
    MADE,
    MISSING,
    OUTDATED,
    label_map_of,
    label_map_path,
    label_maps_in,
    probabilities_path,
    record_path,
    records_in,
    sha256_of,
    state_of,
    state_of_probabilities,
)

RECORD = {"subject": "S1", "volumes_ml": {}, "networks": []}
OLD, NEW = (hashlib.sha256(content).hexdigest() for content in (b"old map", b"new map"))


@pytest.mark.parametrize(
    "content, record, state",
    [
        (None, None, MISSING),
        (None, RECORD | {"label_map_sha256": NEW, "replaced_sha256": None}, MISSING),
        (b"new map", None, FOREIGN),
        (b"new map", {"Manufacturer": "of a BIDS sidecar"}, FOREIGN),
        (b"new map", RECORD, MADE),  # of a version without hashes
        (b"new map", RECORD | {"label_map_sha256": None, "replaced_sha256": None}, MADE),
        (b"new map", RECORD | {"label_map_sha256": NEW, "replaced_sha256": OLD}, MADE),
        (b"new map", RECORD | {"label_map_sha256": NEW, "replaced_sha256": NEW}, MADE),  # the same result again
        (b"old map", RECORD | {"label_map_sha256": NEW, "replaced_sha256": OLD}, OUTDATED),
        (b"drawn by hand", RECORD | {"label_map_sha256": NEW, "replaced_sha256": OLD}, EDITED),
        (b"drawn by hand", RECORD | {"label_map_sha256": NEW, "replaced_sha256": None}, EDITED),
    ],
)
def test_the_state_follows_from_the_two_hashes_of_the_record(tmp_path, content, record, state):
    path = label_map_path(tmp_path, "S1")
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    if record is not None:
        record_path(path).write_text(json.dumps(record))
    assert state_of(path) == state


@pytest.mark.parametrize(
    "content, record, state",
    [
        (None, RECORD, MISSING),
        (b"new map", None, FOREIGN),
        (b"new map", RECORD, MADE),  # of version 0.12 or earlier
        (b"new map", {"probabilities_sha256": NEW, "replaced_probabilities_sha256": OLD}, MADE),
        (b"old map", {"probabilities_sha256": NEW, "replaced_probabilities_sha256": OLD}, OUTDATED),
        (b"old map", {"probabilities_sha256": None, "replaced_probabilities_sha256": OLD}, OUTDATED),
        (b"of another program", {"probabilities_sha256": NEW, "replaced_probabilities_sha256": OLD}, FOREIGN),
        (b"of another program", {"probabilities_sha256": None, "replaced_probabilities_sha256": None}, FOREIGN),
    ],
)
def test_probabilities_have_two_hashes_of_their_own(tmp_path, content, record, state):
    path = label_map_path(tmp_path, "S1")
    path.parent.mkdir()
    if content is not None:
        probabilities_path(path).write_bytes(content)
    if record is not None:
        record_path(path).write_text(json.dumps(RECORD | record))
    assert state_of_probabilities(path) == state


def test_label_map_and_record_find_each_other(tmp_path):
    assert record_path(tmp_path / "a_seg.nii.gz") == tmp_path / "a_seg.json"
    assert label_map_of(tmp_path / "a_seg.json") == tmp_path / "a_seg.nii.gz"
    assert probabilities_path(tmp_path / "a_seg.nii.gz") == tmp_path / "a_probabilities.nii.gz"
    (tmp_path / "a_seg.nii").touch()
    assert label_map_of(tmp_path / "a_seg.json") == tmp_path / "a_seg.nii"


def test_a_file_that_is_not_there_has_no_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"old map")
    assert sha256_of(tmp_path / "a") == OLD and sha256_of(tmp_path / "b") is None


def test_files_of_a_folder_are_listed_by_subject_where_they_lie_in_their_place(tmp_path):
    for name in ("S2/S2_seg", "S1/S1_seg", "S1/old_seg", "S1/.7.S1_seg", "S3/more/S3_seg"):
        for ending in (".nii.gz", ".json"):
            path = tmp_path / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert label_maps_in(tmp_path) == {subject: label_map_path(tmp_path, subject) for subject in ("S1", "S2")}
    assert list(records_in(tmp_path).items()) == [(s, tmp_path / s / f"{s}_seg.json") for s in ("S1", "S2")]
    assert label_maps_in(tmp_path / "missing") == records_in(tmp_path / "missing") == {}

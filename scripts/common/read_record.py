# SPDX-License-Identifier: Apache-2.0
"""Read the record that inference writes beside a label map."""

from collections.abc import Mapping
from pathlib import Path

from scripts.common.json_files import read_json

# Names of settings in records of version 0.6.0 and earlier, and their names now.
RENAMED_SETTINGS = {"mirror": "test_time_mirroring", "numbering": "label_convention"}


def read_record(path: Path) -> dict | None:
    """The record in a JSON file, with today's names of settings; None if there is no file or it is not a record."""
    try:
        record = read_json(path) if path.is_file() else None
    except ValueError:
        return None
    if (
        not isinstance(record, dict)
        or not {"subject", "volumes_ml", "networks"} <= record.keys()
        or has_odd_values(record)
    ):
        return None
    return record | {"settings": current_names(record.get("settings") or {})}


def current_names(settings: Mapping) -> dict:
    """Settings of a record, or facts of a report, with the names of today."""
    return {RENAMED_SETTINGS.get(name, name): value for name, value in settings.items()}


# The kinds of values of a record that the table and the report read; each may also be missing or null.
KINDS = {"subject": str, "volumes_ml": dict, "quality": dict, "settings": dict, "networks": list, "flags": list}
KINDS |= {"sequences": list, "scans_sha256": dict, "label_map_sha256": str, "replaced_sha256": str}


def has_odd_values(record: Mapping) -> bool:
    """Whether a value that the table or the report reads is of another kind than inference writes."""
    if any(not isinstance(record.get(key), (kind, type(None))) for key, kind in KINDS.items()):
        return True
    quality, networks = record.get("quality") or {}, record.get("networks") or []
    mirrored = quality.get("mirror_disagreement")
    texts = [
        *(record.get("flags") or []),
        *(record.get("sequences") or []),
        *(record.get("scans_sha256") or {}).values(),
    ]
    numbers = [*(record.get("volumes_ml") or {}).values(), quality.get("entropy_bits"), quality.get("et_contrast")]
    return (
        not isinstance(mirrored, (dict, type(None)))
        or any(not isinstance(text, str) for text in texts)
        or any(not isinstance(number, (int, float, type(None))) for number in numbers)
        or any(not isinstance(network, dict) or not isinstance(network.get("file"), str) for network in networks)
        or any(not isinstance(network.get("sha256", ""), str) for network in networks)
    )

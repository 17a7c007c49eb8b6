# SPDX-License-Identifier: Apache-2.0
"""What inference recorded about a label map, ``<subject>_seg.json``, and whether the label map was edited since."""

import math
from collections.abc import Mapping
from pathlib import Path

from scripts.common.json_files import read_json
from scripts.common.label_map_state import EDITED, record_path, state_of
from scripts.common.read_record import current_names, has_odd_values
from scripts.common.sequences import SEQUENCES
from scripts.common.titles import OUTERMOST_FIRST


def recorded_facts(label_map: Path) -> dict:
    """What was recorded of flags, sequences, volumes_ml, scans_sha256, network, weights and label_convention.

    ``weights`` are the sha256 of the networks' files.

    Nothing if there is no record; only a flag if it cannot be read.
    """
    path = record_path(label_map)
    if not path.is_file():
        return {}
    try:
        record = read_json(path)
        facts = {name: record[name] for name in ("flags", "sequences", "volumes_ml", "scans_sha256") if name in record}
        facts["network"] = " + ".join(Path(network["file"]).name for network in record.get("networks", []))
        facts["weights"] = [network.get("sha256") for network in record.get("networks", [])]
        facts["label_convention"] = current_names(record.get("settings", {})).get("label_convention")
        if has_odd_values(record) or not {*facts.get("sequences", [])} <= {*SEQUENCES}:
            raise TypeError
    except (AttributeError, ValueError, TypeError, KeyError, OSError):
        return {"flags": [f"{path.name} cannot be read, so its flags are not known."]}
    return {name: value for name, value in facts.items() if value or name == "flags"}


def edited_flag(label_map: Path, recorded_ml: Mapping[str, float], measured_ml: Mapping[str, float]) -> str | None:
    """A sentence if the label map was changed after inference, else None.

    That is, if its file is not the recorded one, or if recorded and measured volumes differ by more than the record's
    rounding to 0.001 ml.
    """
    differences = ", ".join(
        f"{region.upper()} {recorded_ml[region]:g} ml (now {measured_ml[region]:g} ml)"
        for region in OUTERMOST_FIRST
        if region in recorded_ml
        and region in measured_ml
        and not math.isclose(recorded_ml[region], measured_ml[region], rel_tol=1e-5, abs_tol=6e-4)
    )
    name = record_path(label_map).name
    if differences:
        return f"The label map was edited after inference: {name} recorded {differences}."
    if state_of(label_map) == EDITED:
        return f"The label map was edited after inference: its file is not the one of {name}."
    return None

# SPDX-License-Identifier: Apache-2.0
"""The values of ``templates/inference.html``: every subject's volumes, flags and expected accuracy, and who failed."""

from collections.abc import Mapping
from pathlib import Path

from scripts.common.label_map_state import label_map_path, record_path
from scripts.common.printable import TABLE
from scripts.common.titles import OUTERMOST_FIRST
from scripts.evaluation.expected import expected_accuracy
from scripts.report.label_map_record import edited_flag, recorded_facts
from scripts.report.links import existing_links
from scripts.report.parts import read_parts


def inference_values(output_dir, expected: Mapping[str, list[dict]]) -> dict:
    """Values for the template; subjects with flags come first.

    A failed subject with the label map of an earlier run is in both lists.

    Args:
        output_dir: folder of the segmentations, with the parts in ``report/``.
        expected: `scripts.evaluation.expected.read_expected`.
    """
    parts = list(read_parts(Path(output_dir) / "report"))
    done = [
        _subject(output_dir, facts, expected) for facts in parts if not facts.get("failed") or "volumes_ml" in facts
    ]
    done.sort(key=lambda subject: not (subject["flags"] or subject["failed"]))
    return {
        "done": done,
        "failed": [facts for facts in parts if facts.get("failed")],
        "subjects": len(parts),
        "tables": existing_links([Path(output_dir) / TABLE], output_dir),
    }


def _subject(output_dir, facts: dict, expected: Mapping[str, list[dict]]) -> dict:
    """A part's facts, replaced by those that inference recorded; volumes stay those of the label map that was drawn.

    ``flags`` is None, not empty, where nobody has checked the label map.
    """
    label_map = label_map_path(output_dir, facts["subject"])
    recorded = recorded_facts(label_map)
    edited = edited_flag(label_map, recorded.pop("volumes_ml", {}), facts.get("volumes_ml") or {})
    known = facts | recorded
    flags = known.get("flags")
    sequences = known.get("sequences") or []
    return {
        "subject": facts["subject"],
        "sequences": sequences,
        "network": known.get("network"),
        "flags": [*(flags or []), edited] if edited else flags,
        "volumes_ml": dict.fromkeys(OUTERMOST_FIRST) | (known.get("volumes_ml") or {}),
        "expected": expected_accuracy(expected, sequences, recorded.get("weights", [])) if sequences else [],
        "note": known.get("note"),
        "failed": known.get("failed"),
        "files": existing_links([label_map, record_path(label_map)], output_dir),
    }

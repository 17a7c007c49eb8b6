# SPDX-License-Identifier: Apache-2.0
"""Read the plan of a study from its JSON file, and refuse a wrong one by the name of its key."""

from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.json_files import read_given_json
from scripts.research.plan_entries import check_entries
from scripts.research.real_subjects import ENTRIES, NEEDED
from scripts.research.study.plan import Plan

PLAN_KEYS = {"page", "keys", "evaluation", "parts"}
PART_KEYS = {"title", "control", "ceiling", "subsets", "seeds", "folds", "groups", "pairs", "subjects"}
PART_KEYS |= {"keys", "evaluation", "once", "shared", "arms", "pictures"}
ARM_KEYS = {"overlays", "keys", "evaluation", "together", "seeds", "folds"}


def read_plan(path: str | Path, work: str | Path) -> Plan:
    """Read and check a plan.

    Raises:
        UserError: no JSON object, an unknown or missing key, a control, a ceiling or one of a pair that is no arm, or a
            seed that the control lacks.
    """
    content = read_given_json(path)
    check_entries(path, "", content, PLAN_KEYS, {"parts"})
    content["parts"] = _with_likes(path, content["parts"])
    for name, part in content["parts"].items():
        check_entries(path, f"parts#{name}#", part, PART_KEYS, {"title", "control", "subsets", "seeds", "arms"})
        for number, fold in enumerate(part.get("folds", [])):
            check_entries(path, f"parts#{name}#folds#{number}#", fold, {"keys", "evaluation"}, set())
        for stage in ("once", "shared"):
            for training, entry in part.get(stage, {}).items():
                check_entries(path, f"parts#{name}#{stage}#{training}#", entry, {"overlays", "keys"}, {"overlays"})
        for table, entry in part.get("subjects", {}).items():
            check_entries(path, f"parts#{name}#subjects#{table}#", entry, ENTRIES, NEEDED)
        for arm, entry in part["arms"].items():
            check_entries(path, f"parts#{name}#arms#{arm}#", entry, ARM_KEYS, {"overlays"})
        named = [(key, part[key]) for key in ("control", "ceiling") if key in part]
        for number, pair in enumerate(part.get("pairs", [])):
            if not isinstance(pair, list) or len(pair) != 2:
                raise UserError(f"parts#{name}#pairs#{number} in {path} is {pair!r}, but must be a list of two arms.")
            named += [(f"pairs#{number}", arm) for arm in pair]
        for key, arm in named:
            if arm not in part["arms"]:
                raise UserError(
                    f"parts#{name}#{key} in {path} is '{arm}', but must be one of its arms: {', '.join(part['arms'])}."
                )
        control = part["arms"][part["control"]]
        for arm, entry in part["arms"].items():
            if alone := set(entry.get("seeds", part["seeds"])) - set(control.get("seeds", part["seeds"])):
                raise UserError(
                    f"parts#{name}#arms#{arm} in {path} has the seed {min(alone)}, but the control has not: give both the "
                    "same seeds."
                )
    return Plan(content, Path(work).absolute())


def _with_likes(path, parts: dict) -> dict:
    """The parts, those with ``like`` merged into the part that it names."""
    whole = {}
    for name, part in parts.items():
        like = part.get("like")
        if like is not None and like not in whole:
            raise UserError(f"parts#{name}#like in {path} is '{like}', but must be one of the parts before it.")
        own = {key: value for key, value in part.items() if key != "like"}
        whole[name] = own if like is None else _merged(whole[like], own)
    return whole


def _merged(target, patch):
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged

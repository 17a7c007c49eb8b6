# SPDX-License-Identifier: Apache-2.0
"""Refuses unknown and missing entries of a plan."""

from scripts.common.errors import UserError


def check_entries(path, where: str, block: dict, known: set[str], needed: set[str]) -> None:
    """Refuse an object of a plan that has other entries than it may have, or lacks one that it needs.

    Args:
        path: the plan's file.
        where: the keys that lead to the object, each with a ``#`` after it; empty for the whole plan.
        block: the object.
        known, needed: names of entries.

    Raises:
        UserError: naming the file and the key.
    """
    if not isinstance(block, dict):
        place = f"'{where.removesuffix('#')}' in {path}" if where else path
        raise UserError(f"{place} must be a JSON object, {{...}}: correct it.")
    if unknown := sorted(block.keys() - known):
        raise UserError(f"{path} has the unknown key '{where}{unknown[0]}': it may have {', '.join(sorted(known))}.")
    if missing := sorted(needed - block.keys()):
        raise UserError(f"{path} lacks the key '{where}{missing[0]}': add it.")

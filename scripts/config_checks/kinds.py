# SPDX-License-Identifier: Apache-2.0
"""Refuses a number, a text, true, false or null in place of a table or a list."""

import re
from functools import lru_cache

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.shipped import base_of, shipped_files
from scripts.config_checks.tables import tables

# Keys that may be of another kind than in the base config; a term of the loss may be null.
OTHER_KINDS = {"amp", "device", "filters", "patch_size", "window", "wt_range_ml", "student_modalities"}
TERMS = "objective#terms#"
# Components without which nothing runs.
NEEDED = {
    *("network_def", "subjects", "preprocessing", "dataset", "dataloader", "inferer", "result", "postprocessing"),
    *("evaluator", "distiller", "objective", "optimizer", "lr_scheduler"),
}


def check_kinds(config: dict) -> None:
    """Refuse a value of another kind than in the base config, see `wrong_kind`.

    Raises:
        UserError: naming the key, its value and what it must be.
    """
    if found := wrong_kind(config):
        key, value, wanted = found
        raise UserError(f"{key} is {value!r}, but must be {wanted}: leave it out, or correct it.")


def wrong_kind(config: dict) -> tuple[str, object, str] | None:
    """The first key that is a table or a list in the base config, but a number, a text, true, false or null here.

    Returns:
        The key, its value and what it must be; None if there is none. Keys that a shipped overlay sets to such a value
        are left alone, and so are keys with checks of their own (``amp``, sizes).
    """
    for path, wanted in tables_and_lists(base_of(config)).items():
        inside = config
        for name in path.split("#"):
            inside = inside.get(name, {}) if isinstance(inside, dict) else {}
        is_text = isinstance(inside, str) and not inside.startswith(("$", "@", "%"))
        if inside is None or isinstance(inside, (bool, int, float)) or is_text:
            return path, inside, wanted
        if path in NEEDED and isinstance(inside, dict) and inside.get("_disabled_") in (True, "true"):
            return f"{path}#_disabled_", inside["_disabled_"], "false, since every run needs this component"
    return None


@lru_cache
def tables_and_lists(base: str) -> dict[str, str]:
    """The ids that are tables or lists in a base config, or at the top level of an overlay, each with a word for it.

    Those that may be of another kind are left out.
    """
    kinds, found = {dict: "a table", list: "a list"}, {}
    for file in shipped_files(base):
        config = ConfigParser.load_config_file(str(file))
        found |= {key: kinds[type(value)] for key, value in config.items() if type(value) in kinds and key[0] != "+"}
        if file.name == base:
            found |= {path: "a table" for path, _, _ in tables(config) if not re.search(r"#\d", path)}
    return {path: kind for path, kind in found.items() if path not in OTHER_KINDS and not path.startswith(TERMS)}

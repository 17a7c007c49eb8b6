# SPDX-License-Identifier: Apache-2.0
"""Which keys below the top level something reads: those of the shipped configs, referred ones, arguments of components.

A table is a dictionary of a config. A table with a ``_target_`` is a component, whose keys are its arguments.
"""

import difflib

from monai.bundle.config_item import ConfigComponent
from scripts.config_checks.components import arguments_of
from scripts.config_checks.references import references
from scripts.config_checks.shipped import base_of, shipped_keys
from scripts.config_checks.tables import tables


def unknown_key(config: dict) -> tuple[str, list[str]] | None:
    """The first key below the top level that nothing reads, and the keys known beside it; None if there is none.

    A key is known if the shipped configs have it, if a reference names it or its table, or if the signature of the
    component takes it. A table among the arguments of a component is read as a whole. So a new component in it (a term
    of the loss) is welcome. Null is not, nor another value under a name that resembles a known one.
    """
    referred = references(config)
    known_ids = shipped_keys(base_of(config)) | referred
    for path, table, inside in tables(config):
        if "_target_" in table:
            known = arguments_of(table)
        elif inside or not any(_is_within(path, name) for name in referred):
            known = {name[len(path) + 1 :].split("#")[0] for name in known_ids if name.startswith(f"{path}#")}
        else:  # read as a whole
            known = None
        for key, value in table.items() if known else ():
            if key in known or key in ConfigComponent.non_arg_keys:
                continue
            if "_target_" not in table and inside and _is_new_entry(key, value, known):
                continue
            return f"{path}#{key}", sorted(f"{path}#{name}" for name in known)
    return None


def _is_within(path: str, name: str) -> bool:
    """Whether the table at this path is the referred one or lies in it."""
    return path == name or path.startswith(f"{name}#")


def _is_new_entry(key: str, value, known: set[str]) -> bool:
    is_component = isinstance(value, dict) and "_target_" in value
    return is_component or (value is not None and not difflib.get_close_matches(key, known, n=1))

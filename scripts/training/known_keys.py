# SPDX-License-Identifier: Apache-2.0
"""Which keys below the top level something reads: those of the shipped configs, referred ones, arguments of components.

A table is a dictionary of a config. A table with a ``_target_`` is a component, whose keys are its arguments.
"""

import difflib
import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from monai.bundle import ConfigParser
from monai.bundle.config_item import ComponentLocator, ConfigComponent
from monai.utils.module import locate
from scripts.common.files import ROOT

CONFIGS = ROOT / "configs"
# Keys that may be of another kind than in the base config; a term of the loss may be null.
OTHER_KINDS = {"amp", "device", "filters", "patch_size", "window", "wt_range_ml", "student_modalities"}
TERMS = "objective#terms#"
# Components without which nothing runs.
NEEDED = {
    *("network_def", "subjects", "preprocessing", "dataset", "dataloader", "inferer", "result", "postprocessing"),
    *("evaluator", "distiller", "objective", "optimizer", "lr_scheduler"),
}
REFERENCE = re.compile(r"[@%](\w+(?:(?:#|::)\w+)*)")


def references(config) -> set[str]:
    """All ids, such as ``split#test``, that any string in the config refers to with ``@`` or ``%``."""
    if isinstance(config, dict):
        return set().union(*(references(value) for value in config.values()))
    if isinstance(config, list):
        return set().union(*(references(value) for value in config))
    return {found.replace("::", "#") for found in REFERENCE.findall(config)} if isinstance(config, str) else set()


def unknown_key(config: dict) -> tuple[str, list[str]] | None:
    """The first key below the top level that nothing reads, and the keys that are known beside it; None if there is none.

    A key is known if the shipped configs have it, if a reference names it or its table, or if the signature of the
    component takes it. A table among the arguments of a component is read as a whole. So a new component in it (a term
    of the loss) is welcome. Null is not, nor another value under a name that resembles a known one.
    """
    referred = references(config)
    known_ids = shipped_keys("train.json" if "train" in config else "inference.json") | referred
    for path, table, inside in _tables(config, "", False):
        if "_target_" in table:
            known = _arguments(table)
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


def wrong_kind(config: dict) -> tuple[str, object, str] | None:
    """The first key that is a table or a list in the base config, but a number, a text, true, false or null here.

    Returns:
        The key, its value and what it must be; None if there is none. Keys that a shipped overlay sets to such a value
        are left alone, and so are keys with checks of their own (``amp``, sizes).
    """
    tables = tables_and_lists("train.json" if "train" in config else "inference.json")
    for path, wanted in tables.items():
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
    for file in _shipped(base):
        config = ConfigParser.load_config_file(str(file))
        found |= {key: kinds[type(value)] for key, value in config.items() if type(value) in kinds and key[0] != "+"}
        if file.name == base:
            found |= {path: "a table" for path, _, _ in _tables(config, "", False) if not re.search(r"#\d", path)}
    return {path: kind for path, kind in found.items() if path not in OTHER_KINDS and not path.startswith(TERMS)}


def _shipped(base: str) -> list[Path]:
    """The config files that belong to ``train.json`` or to ``inference.json``."""
    of_inference = base == "inference.json"
    files = [file for file in sorted(Path(CONFIGS).glob("*.json")) if file.name != "metadata.json"]
    return [file for file in files if file.name.endswith("inference.json") == of_inference]


def _is_within(path: str, name: str) -> bool:
    """Whether the table at this path is the referred one or lies in it."""
    return path == name or path.startswith(f"{name}#")


def _is_new_entry(key: str, value, known: set[str]) -> bool:
    is_component = isinstance(value, dict) and "_target_" in value
    return is_component or (value is not None and not difflib.get_close_matches(key, known, n=1))


def _tables(config, path: str, inside: bool) -> Iterator[tuple[str, dict, bool]]:
    """Every dictionary below the top level, with its id, and whether it is among the arguments of a component."""
    if isinstance(config, list):
        for number, value in enumerate(config):
            yield from _tables(value, f"{path}#{number}", inside)
    if isinstance(config, dict):
        if path and not path.startswith("_meta_"):
            yield path, config, inside
        for key, value in config.items():
            yield from _tables(value, f"{path}#{key}" if path else key, inside or "_target_" in config)


@lru_cache
def shipped_keys(base: str) -> set[str]:
    """The ids of all keys, at any depth, of a base config (``train.json``, ``inference.json``) and its overlays."""
    return {path for path, _ in _shipped_values(base)}


@lru_cache
def _shipped_values(base: str) -> list[tuple[str, object]]:
    """The id and the value of each of these keys, once for each file that has it."""
    found = []
    for file in _shipped(base):
        for key, value in ConfigParser.load_config_file(str(file)).items():
            key = key.removeprefix("+").replace("::", "#")
            found.append((key, value))
            found += [(f"{path}#{k}", v) for path, table, _ in _tables(value, key, False) for k, v in table.items()]
    return found


def switches(config: dict) -> Iterator[tuple[str, object]]:
    """The id and the value of each switch: a key that is true or false in a shipped config, or whose argument is.

    An argument is a switch if its default is true or false.
    """
    shipped = shipped_switches("train.json" if "train" in config else "inference.json")
    yield from ((key, value) for key, value in config.items() if key in shipped)
    for path, table, _ in _tables(config, "", False):
        of_component = _switches_of(table)
        yield from (
            (f"{path}#{key}", value)
            for key, value in table.items()
            if key in of_component or f"{path}#{key}" in shipped
        )


@lru_cache
def shipped_switches(base: str) -> set[str]:
    """The ids of all keys, at any depth, that are true or false in a base config or one of its overlays."""
    return {path for path, value in _shipped_values(base) if isinstance(value, bool)}


def _arguments(component: dict) -> set[str] | None:
    """The arguments that a component takes; None if it takes any, or if that cannot be told."""
    parameters = _signature_of(component)
    if parameters is None or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}


def _switches_of(table: dict) -> set[str]:
    """The arguments of a component whose default is true or false; none if the table is no component."""
    parameters = (_signature_of(table) or ()) if "_target_" in table else ()
    return {parameter.name for parameter in parameters if isinstance(parameter.default, bool)}


def _signature_of(component: dict) -> tuple[inspect.Parameter, ...] | None:
    """The parameters of a component; None if they cannot be told."""
    target = component["_target_"]
    if callable(target):
        return _parameters(target)
    if not isinstance(target, str) or target.startswith(("$", "@", "%")):
        return None
    return _parameters_of_name(target)


@lru_cache
def _parameters_of_name(target: str) -> tuple[inspect.Parameter, ...] | None:
    name = ConfigComponent({"_target_": target}, locator=component_locator()).resolve_module_name()
    try:
        return _parameters(locate(name))
    except ImportError:  # MONAI says so when it makes the component
        return None


@lru_cache
def component_locator() -> ComponentLocator:
    return ComponentLocator()


def _parameters(target) -> tuple[inspect.Parameter, ...] | None:
    try:
        return tuple(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # not callable, or written in C
        return None

# SPDX-License-Identifier: Apache-2.0
"""The arguments that components of a config take.

A component is a table with a ``_target_``, a function or class. Its other keys are the arguments.
"""

import inspect
from functools import lru_cache

from monai.bundle.config_item import ComponentLocator, ConfigComponent
from monai.utils.module import locate


def arguments_of(component: dict) -> set[str] | None:
    """The arguments that a component takes; None if it takes any, or if that cannot be told."""
    parameters = _signature_of(component)
    if parameters is None or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}


def switches_of(table: dict) -> set[str]:
    """The arguments of a component whose default is true or false; none if the table is no component."""
    parameters = (_signature_of(table) or ()) if "_target_" in table else ()
    return {parameter.name for parameter in parameters if isinstance(parameter.default, bool)}


def full_name(target: str) -> str | None:
    """The dotted name of a ``_target_``, also of MONAI's components, which are written without their module."""
    return ConfigComponent({"_target_": target}, locator=_locator()).resolve_module_name()


@lru_cache
def _locator() -> ComponentLocator:
    return ComponentLocator()


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
    name = full_name(target)
    try:
        return _parameters(locate(name))
    except ImportError:  # MONAI says so when it makes the component
        return None


def _parameters(target) -> tuple[inspect.Parameter, ...] | None:
    try:
        return tuple(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # not callable, or written in C
        return None

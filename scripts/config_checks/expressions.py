# SPDX-License-Identifier: Apache-2.0
"""Refuses references, expressions and component names that MONAI could not evaluate, before it tries to."""

import ast
from collections.abc import Iterator
from pydoc import ErrorDuringImport, locate

from scripts.common.errors import UserError
from scripts.config_checks.components import full_name
from scripts.config_checks.references import REFERENCE


def check_expressions(config: dict) -> None:
    """Refuse a text that cannot be evaluated, see `broken_expression`.

    Raises:
        UserError: naming its key and what is wrong.
    """
    if found := broken_expression(config):
        raise UserError(f"{found[0]} {found[1]}: correct it.")


def broken_expression(config: dict) -> tuple[str, str] | None:
    """The id of the first text in a config that cannot be evaluated, and why; None if there is none.

    It finds a reference to a key that no config has, an expression with an error of syntax, and a ``_target_`` that is
    no function or class. What fails only when it runs, such as ``$1/0``, is not found.
    """
    for path, text in _texts(config, ""):
        if path.rpartition("#")[2] == "_target_":
            if problem := _unknown_target(text):
                return path, problem
        elif text.startswith("$"):
            if problem := _syntax_error(text):
                return path, problem
        if text.startswith(("$", "@")) and (absent := _absent_reference(text, config)):
            return path, f"refers to '{absent}', which no config file has"
    return None


def _texts(config, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(config, str):
        yield path, config
    entries = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in entries:
        if path or not str(key).startswith("_meta_"):
            yield from _texts(value, f"{path}#{key}" if path else str(key))


def _unknown_target(target: str) -> str | None:
    if target.startswith(("$", "@", "%")):
        return None
    try:
        found = locate(full_name(target))
    except ErrorDuringImport:  # MONAI tells it when it makes the component
        return None
    return f"is '{target}', and there is no such function or class" if found is None else None


def _syntax_error(text: str) -> str | None:
    code = REFERENCE.sub("_", text[1:].strip())
    try:
        ast.parse(code, mode="exec" if code.startswith(("import ", "from ")) else "eval")
    except SyntaxError as error:
        return f"is no Python expression ({error.msg})"
    return None


def _absent_reference(text: str, config: dict) -> str | None:
    for found in REFERENCE.findall(text.replace("%", " ")):  # in an expression, % is Python's
        inside = config
        for name in found.replace("::", "#").split("#"):
            if isinstance(inside, dict) and name in inside:
                inside = inside[name]
            elif isinstance(inside, list) and name.isdigit() and int(name) < len(inside):
                inside = inside[int(name)]
            elif isinstance(inside, str):  # a reference itself, which MONAI follows
                break
            else:
                return found
    return None

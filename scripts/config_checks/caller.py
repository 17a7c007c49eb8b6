# SPDX-License-Identifier: Apache-2.0
"""The parser and the workflow that evaluate a call from a config."""

import inspect

from monai.bundle import ConfigParser


def calling_parser() -> ConfigParser:
    """The parser that evaluates the caller.

    Raises:
        RuntimeError: no parser does.
    """
    # MONAI 1.6.1 gives a config no id for its own parser, nor a macro for the whole config; the call stack has it
    caller = on_the_stack(ConfigParser)
    if caller is None:
        raise RuntimeError("check_config() is to be called from a config's 'initialize' list, or with a parser.")
    return caller


def on_the_stack(kind: type):
    """The innermost object of this kind whose method is running; None if there is none."""
    frame = inspect.currentframe()
    while frame is not None:
        if isinstance(caller := frame.f_locals.get("self"), kind):
            return caller
        frame = frame.f_back
    return None

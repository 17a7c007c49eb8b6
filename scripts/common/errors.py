# SPDX-License-Identifier: Apache-2.0
"""Errors that speak to the user: one plain sentence, without MONAI's sixty lines of traceback above it."""

import logging
import sys
import traceback


class UserError(ValueError):
    """Something the user can put right: the message names the key or file and the way out."""


class ScanError(UserError):
    """One subject's file cannot be used; other subjects are not affected."""


def user_error(error: BaseException | None) -> UserError | None:
    """The `UserError` that started a chain of exceptions, or None if there is none in it."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def user_message(error: BaseException | None) -> str | None:
    """Its message, or None."""
    found = user_error(error)
    return None if found is None else str(found)


def install_error_hook() -> None:
    """Make an uncaught `UserError`, however deep MONAI has wrapped it, end the program with its sentence alone.

    MONAI turns every exception inside a config expression into "Failed to evaluate ConfigExpression" with the cause far
    above. Other exceptions keep their traceback. The traceback of a `UserError` is logged at level DEBUG.
    """

    def hook(kind, error, trace):
        sentence = user_message(error)
        if sentence is None:
            sys.__excepthook__(kind, error, trace)
            return
        logging.getLogger(__name__).debug("".join(traceback.format_exception(kind, error, trace)))
        print(f"\nError: {sentence}", file=sys.stderr)

    sys.excepthook = hook

# SPDX-License-Identifier: Apache-2.0
"""Errors that the user can correct, shown as one message without a traceback."""

import errno
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator

from scripts.common.printable import shortened

# Errors of the system that a user can mend: of missing or forbidden files, impossible paths, and full or broken disks.
SYSTEM = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EFBIG, errno.EIO),
    *(errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(getattr(errno, name) for name in ("EDQUOT", "ESTALE") if hasattr(errno, name)),
}
# What torch and the system say; torch's CPU allocator raises a plain RuntimeError.
_OUT_OF_MEMORY = re.compile("not enough memory|can't allocate memory|cannot allocate memory|out of memory", re.I)
# MONAI's message where a component of a config raises an exception while it is made.
_COMPONENT = re.compile(r"Failed to instantiate component '([^']+)'")


class UserError(ValueError):
    """An error that the user can correct: the message names the key or file and what to do."""


class ScanError(UserError):
    """A file of one subject cannot be used; other subjects are not affected."""


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it, from the last one back; nothing for None."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def user_error(error: BaseException | None) -> UserError | None:
    """The first `UserError` in a chain of exceptions, from the last one back; None if there is none."""
    return next((each for each in chain_of(error) if isinstance(each, UserError)), None)


def user_message(error: BaseException | None) -> str | None:
    """The message of the chain's `user_error`, or None."""
    found = user_error(error)
    return None if found is None else str(found)


def system_message(error: BaseException | None) -> str | None:
    """A sentence on the chain's first error of `SYSTEM`, from the last one back; None if there is none."""
    found = next((each for each in chain_of(error) if isinstance(each, OSError) and each.errno in SYSTEM), None)
    if found is None:
        return None
    name = found.filename.decode(errors="replace") if isinstance(found.filename, bytes) else found.filename
    return (
        f"{shortened(str(name or 'A file'))} cannot be read or written ({found.strerror}): put it back, correct its "
        "permissions, or make room, and run the command again (a training goes on with --resume true)."
    )


def component_message(error: BaseException | None) -> str | None:
    """A sentence on the innermost component of a config that MONAI could not make; None if the chain has none.

    Its reason is the first line of the chain's first exception, such as torch's about an argument.
    """
    name = reason = None
    for each in chain_of(error):
        if match := _COMPONENT.match(str(each)):
            name = match[1]
        lines = str(each).strip().splitlines() or ["no reason given"]
        reason = f"{type(each).__name__}: {shortened(lines[0])}"
    if name is None:
        return None
    return f"The component {name} of the config cannot be made ({reason}): correct its keys, or what they refer to."


def told_message(error: BaseException | None) -> str | None:
    """The sentence that `install_error_hook` shows instead of this error's traceback; None for any other error."""
    return user_message(error) or system_message(error) or component_message(error)


def is_told(error: BaseException | None) -> bool:
    """Whether `install_error_hook` shows a sentence instead of this error's traceback."""
    return isinstance(error, KeyboardInterrupt) or told_message(error) is not None


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or one that led to it, says that the memory is exhausted: that of the CPU or of a GPU."""
    return any(
        isinstance(each, MemoryError)
        or (isinstance(each, (RuntimeError, OSError)) and _OUT_OF_MEMORY.search(str(each)))
        for each in chain_of(error)
    )


def install_error_hook() -> None:
    """Show of an uncaught `UserError`, also one inside MONAI's own exceptions, the message only; of Ctrl-C one word.

    MONAI wraps an exception inside a config expression in "Failed to evaluate ConfigExpression". An error of the system
    (`SYSTEM`), such as a full disk, becomes one sentence, too, and a component that MONAI cannot make. Other exceptions
    keep their traceback. The traceback of the others is logged at level DEBUG. A thread, such as TensorBoard's, says
    nothing of errors that the program tells.
    """

    def hook(kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            print("\nInterrupted.", file=sys.stderr)
            return
        message = told_message(error)
        if message is None:
            sys.__excepthook__(kind, error, trace)
            return
        logging.getLogger(__name__).debug("".join(traceback.format_exception(kind, error, trace)))
        print(f"\nError: {message}", file=sys.stderr)

    def thread_hook(arguments):
        if not is_told(arguments.exc_value):
            threading.__excepthook__(arguments)

    sys.excepthook = hook
    threading.excepthook = thread_hook

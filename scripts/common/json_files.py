# SPDX-License-Identifier: Apache-2.0
"""Read a JSON file, and write one whole or not at all: in UTF-8 on every machine."""

import json
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import save_text


def read_json(path: str | Path, errors: str = "strict", **kwargs) -> object:
    """The content of a JSON file.

    Args:
        path: of the file.
        errors: what to do with bytes that are not UTF-8, as of `open`.
        kwargs: of `json.loads`, such as ``object_pairs_hook``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, no UTF-8, or nested too deeply.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8", errors=errors), **kwargs)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_given_json(path: str | Path) -> object:
    """The content of a JSON file that a user gave.

    Raises:
        OSError: it cannot be read.
        UserError: it is no JSON, no UTF-8, or nested too deeply.
    """
    try:
        return read_json(path)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): correct it.") from error


def save_json(path: str | Path, content, indent: int | None = 4, **kwargs) -> None:
    """Write content as JSON with a newline at the end; see `scripts.common.files.save_atomically`.

    Args:
        path: of the file; its folder is made if missing.
        content: what JSON can hold.
        indent: of each level; None for one line.
        kwargs: of `json.dumps`, such as ``default``.

    Raises:
        TypeError, ValueError: JSON cannot hold the content. The file stays as it was.
        UserError: it cannot be written.
    """
    text = json.dumps(content, indent=indent, **kwargs) + "\n"
    save_text(path, text)

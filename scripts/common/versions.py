# SPDX-License-Identifier: Apache-2.0
"""The bundle's ``configs/metadata.json``, and the versions that results are marked with."""

from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import ROOT
from scripts.common.json_files import read_json


def metadata(root: str | Path = ROOT) -> dict:
    """The content of ``configs/metadata.json`` in a bundle's folder.

    Raises:
        UserError: it cannot be read, or has no version.
    """
    try:
        content = read_json(Path(root) / "configs" / "metadata.json")
        content["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{root}/configs/metadata.json has no version of the bundle: restore it.") from error
    return content


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of the bundle, MONAI and torch, under ``bundle``, ``monai`` and ``torch``."""
    return {"bundle": metadata()["version"]} | {name: version(name) for name in ("monai", "torch")}

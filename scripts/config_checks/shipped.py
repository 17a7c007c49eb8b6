# SPDX-License-Identifier: Apache-2.0
"""The config files of this bundle, and the keys and values that they have."""

from functools import lru_cache
from pathlib import Path

from monai.bundle import ConfigParser
from scripts.common.files import ROOT
from scripts.config_checks.tables import tables

CONFIGS = ROOT / "configs"


def base_of(config: dict) -> str:
    """The name of the base config that a merged config belongs to: ``train.json`` or ``inference.json``."""
    return "train.json" if "train" in config else "inference.json"


def shipped_files(base: str) -> list[Path]:
    """The config files that belong to ``train.json`` or to ``inference.json``."""
    of_inference = base == "inference.json"
    files = [file for file in sorted(Path(CONFIGS).glob("*.json")) if file.name != "metadata.json"]
    return [file for file in files if file.name.endswith("inference.json") == of_inference]


@lru_cache
def shipped_keys(base: str) -> set[str]:
    """The ids of all keys, at any depth, of a base config (``train.json``, ``inference.json``) and its overlays."""
    return {path for path, _ in shipped_values(base)}


@lru_cache
def shipped_values(base: str) -> list[tuple[str, object]]:
    """The id and the value of each of these keys, once for each file that has it."""
    found = []
    for file in shipped_files(base):
        for key, value in ConfigParser.load_config_file(str(file)).items():
            key = key.removeprefix("+").replace("::", "#")
            found.append((key, value))
            found += [(f"{path}#{k}", v) for path, table, _ in tables(value, key) for k, v in table.items()]
    return found

# SPDX-License-Identifier: Apache-2.0
"""Switches: keys that are true or false."""

from collections.abc import Iterator
from functools import lru_cache

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.components import switches_of
from scripts.config_checks.shipped import base_of, shipped_values
from scripts.config_checks.tables import tables
from scripts.config_checks.values import is_there, replace_value, value_of

# Switches that may be expressions or references, whose value is checked, too.
SWITCHES = (
    *("amp", "resume", "test_time_mirroring", "probabilities", "load_pretrain", "warm_start", "ensemble"),
    *("largest_component", "et_without_t1ce", "et_by_contrast", "resample", "report", "split#allow_shared_patients"),
)


def convert_switches(parser: ConfigParser, config: dict) -> None:
    """Convert switches that are texts: the command line (fire) knows True and False, but takes true and false for text,
    which would count as true.

    Raises:
        UserError: another text.
    """
    top = {key: config[key] for key in SWITCHES if key in config}
    for key, given in (dict(switches(config)) | top).items():
        if not isinstance(given, str) or given.startswith(("$", "@", "%")):
            continue
        if given.lower() not in ("true", "false"):
            raise UserError(f"{key} is {given!r}, but must be true or false.")
        replace_value(parser, config, key, given.lower() == "true")


def check_switches(parser: ConfigParser, config: dict) -> None:
    """Refuse other values than true and false of `SWITCHES`.

    Raises:
        UserError: naming the key and its value.
    """
    for key in SWITCHES:
        if not is_there(parser, config, key):
            continue
        if not isinstance(value := value_of(parser, key), bool):
            raise UserError(f"{key} is {value!r}, but must be true or false.")


def switches(config: dict) -> Iterator[tuple[str, object]]:
    """The id and the value of each switch: a key that is true or false in a shipped config, or whose argument is.

    An argument is a switch if its default is true or false.
    """
    shipped = shipped_switches(base_of(config))
    yield from ((key, value) for key, value in config.items() if key in shipped)
    for path, table, _ in tables(config):
        of_component = switches_of(table)
        yield from (
            (f"{path}#{key}", value)
            for key, value in table.items()
            if key in of_component or f"{path}#{key}" in shipped
        )


@lru_cache
def shipped_switches(base: str) -> set[str]:
    """The ids of all keys, at any depth, that are true or false in a base config or one of its overlays."""
    return {path for path, value in shipped_values(base) if isinstance(value, bool)}

# SPDX-License-Identifier: Apache-2.0
"""The tables of a config: its dictionaries below the top level."""

from collections.abc import Iterator


def tables(config, path: str = "", inside: bool = False) -> Iterator[tuple[str, dict, bool]]:
    """Every table with its id, such as ``train#trainer``, and whether it is among the arguments of a component.

    Args:
        config: a config, or a value in it.
        path: the id of that value; "" for a whole config.
        inside: whether that value is among the arguments of a component.
    """
    if isinstance(config, list):
        for number, value in enumerate(config):
            yield from tables(value, f"{path}#{number}", inside)
    if isinstance(config, dict):
        if path and not path.startswith("_meta_"):
            yield path, config, inside
        for key, value in config.items():
            yield from tables(value, f"{path}#{key}" if path else key, inside or "_target_" in config)

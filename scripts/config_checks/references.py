# SPDX-License-Identifier: Apache-2.0
"""The references of a config, ``@key`` and ``%key``."""

import re

REFERENCE = re.compile(r"[@%](\w+(?:(?:#|::)\w+)*)")


def references(config) -> set[str]:
    """All ids, such as ``split#test``, that any string in the config refers to with ``@`` or ``%``."""
    if isinstance(config, dict):
        return set().union(*(references(value) for value in config.values()))
    if isinstance(config, list):
        return set().union(*(references(value) for value in config))
    return {found.replace("::", "#") for found in REFERENCE.findall(config)} if isinstance(config, str) else set()

# SPDX-License-Identifier: Apache-2.0
"""Evaluates and replaces single values of a config."""

from monai.bundle import ConfigParser
from scripts.common.errors import UserError, chain_of, is_told


def is_there(parser: ConfigParser, config: dict, key: str) -> bool:
    """Whether the config has this key, at any depth."""
    return key in parser and key.split("#")[0] in config


def value_of(parser: ConfigParser, key: str):
    """The value of a key.

    Raises:
        UserError: it is an expression that fails, or a reference in a circle.
    """
    try:
        return parser.get_parsed_content(key)
    except Exception as error:  # whatever an expression raises, in exceptions of MONAI
        if is_told(error):
            raise
        *_, root = chain_of(error)
        raise UserError(f"{key} cannot be evaluated ({type(root).__name__}: {root}): correct it.") from error


def terms_of(config: dict) -> dict[str, dict]:
    """The terms of the loss that are written in a config and not switched off (null, or ``_disabled_``)."""
    terms = config.get("objective", {}).get("terms", {})
    return {
        name: term
        for name, term in terms.items()
        if isinstance(term, dict) and str(term.get("_disabled_")).lower() != "true"
    }


def replace_value(parser: ConfigParser, config: dict, key: str, value) -> None:
    """Replace the value of a key, at any depth, in the config and in its parser, also while this one evaluates it."""
    *tables, name = key.split("#")
    for table in tables:
        config = config[int(table) if isinstance(config, list) else table]
    config[int(name) if isinstance(config, list) else name] = value
    parser.ref_resolver.get_item(key).update_config(value)
    parser.ref_resolver.remove_resolved_content(key)

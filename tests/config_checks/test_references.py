# SPDX-License-Identifier: Apache-2.0
"""References are found."""

from scripts.config_checks.references import references


def test_references_are_found_in_every_kind_of_string():
    config = {"a": "@b", "c": ["$len(@d) + @e#f::g"], "h": {"i": "%j#k"}}
    assert references(config) == {"b", "d", "e#f#g", "j#k"}

# SPDX-License-Identifier: Apache-2.0
"""The tables of a config are found."""

from scripts.config_checks.tables import tables


def test_tables_are_found_in_tables_and_lists_and_those_in_components_are_told_apart():
    config = {"a": {"b": {"c": 1}}, "d": [{"_target_": "X", "e": {}}], "_meta_": {"f": {}}, "g": 2}
    assert [(path, inside) for path, _, inside in tables(config)] == [
        *(("a", False), ("a#b", False)),
        *(("d#0", False), ("d#0#e", True)),
    ]


def test_a_value_of_a_config_is_searched_under_its_own_id():
    assert [path for path, _, _ in tables([{"b": {}}], "a")] == ["a#0", "a#0#b"]

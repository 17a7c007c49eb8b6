# SPDX-License-Identifier: Apache-2.0
"""Damage depends on the random numbers only, and leaves what it is given as it is."""

import json
from random import Random

from tests.robustness.damage import damaged, damaged_header, write_json

CONTENT = {"a": [1, {"b": "c"}]}


def test_the_same_random_numbers_give_the_same_damage():
    first, again = (json.dumps(damaged(Random("0 x 1"), CONTENT)) for _ in range(2))
    assert first == again and CONTENT == {"a": [1, {"b": "c"}]}
    header = bytes(range(256)) * 2
    assert damaged_header(Random(1), header) == damaged_header(Random(1), header) and header == bytes(range(256)) * 2


def test_most_damage_changes_something():
    header = bytes(512)
    assert sum(damaged_header(Random(number), header) != header for number in range(50)) > 35
    assert sum(damaged(Random(number), CONTENT) != CONTENT for number in range(50)) > 35


def test_a_file_is_json_mostly_and_sometimes_no_json_or_a_folder(tmp_path):
    valid, folders = 0, 0
    for number in range(300):
        path = tmp_path / f"{number}.json"
        write_json(Random(number), path, CONTENT)
        folders += path.is_dir()
        try:
            json.loads(path.read_bytes())
            valid += 1
        except (OSError, ValueError, RecursionError):
            pass
    assert 240 < valid < 300 and folders > 0

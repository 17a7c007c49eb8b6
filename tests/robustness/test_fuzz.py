# SPDX-License-Identifier: Apache-2.0
"""Random damage to what users give ends in no traceback."""

import pytest
from scripts.common.errors import UserError

from tests.robustness import fuzz


@pytest.mark.parametrize(
    "kind, cases", [("header", 150), ("sidecar", 40), ("dataset", 100), ("names", 40), ("results", 40)]
)
def test_damage_ends_in_a_sentence_or_is_harmless(kind, cases):
    ((name, count, taken, refused, broken, _),), tracebacks = fuzz.run([kind], cases)
    assert tracebacks == [] and broken == "0"
    assert name == kind and int(taken) + int(refused) == int(count) == cases and int(refused) > 0


def test_a_traceback_is_counted_and_its_case_named(monkeypatch, capsys):
    def crash(random, folder):
        raise ZeroDivisionError(f"case {random.random():.3f}")

    monkeypatch.setitem(fuzz.KINDS, "header", crash)
    with pytest.raises(SystemExit):
        fuzz.main(["--cases", "1", "--kinds", "header", "--first", "7", "--seed", "3"])
    printed = capsys.readouterr().out
    assert "python -m tests.robustness.fuzz --seed 3 --kinds header --first 7 --cases 1" in printed
    assert "ZeroDivisionError" in printed and "| header | 1 | 0 | 0 | 1 |" in printed


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match="'headers' is not a kind of case: choose from header, sidecar"):
        fuzz.main(["--kinds", "headers"])

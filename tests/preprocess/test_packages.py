# SPDX-License-Identifier: Apache-2.0
"""A missing package is told in one sentence with the command that installs it, and the pins are in one file."""

import re
import sys

import pytest
from scripts.common.errors import UserError
from scripts.preprocess.packages import PACKAGES, optional, versions
from tiny import ROOT


@pytest.mark.parametrize("module", PACKAGES)
def test_a_missing_package_is_told_with_the_way_out(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # Python then raises ImportError
    package, purpose = PACKAGES[module]
    with pytest.raises(UserError, match=f"The package {package} is needed {purpose} .*pip install -r requirements-pre"):
        optional(module)


def test_an_installed_package_is_imported(monkeypatch):
    monkeypatch.setitem(PACKAGES, "nibabel", ("nibabel", "to read NIfTI"))
    assert optional("nibabel").__name__ == "nibabel" and versions()["nibabel"]


def test_every_package_is_pinned():
    pins = re.findall(r"^([\w-]+)==", (ROOT / "requirements-preprocess.txt").read_text(), re.MULTILINE)
    assert {package for package, _ in PACKAGES.values()} <= set(pins)

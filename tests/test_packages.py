# SPDX-License-Identifier: Apache-2.0
"""Packages import only from those before them, configs not at all, and each module has its test."""

import ast
import json
import re

import pytest
from tiny import ROOT

ORDER = (
    "common",
    "simulation",
    "data",
    "losses",
    "networks",
    "training",
    "inference",
    "evaluation",
    "report",
    "research",
)
MODULES = sorted(file for file in (ROOT / "scripts").rglob("*.py") if file.parent != ROOT / "scripts")

TESTED_ELSEWHERE = {
    "common/choices": "constants, by training/test_check_config.py",
    "simulation/geodesic": "simulation/test_tumour.py",
    "simulation/lattice": "simulation/test_anatomy.py",
    "simulation/mass_effect": "simulation/test_anatomy.py",
    "simulation/tumour_contrast": "simulation/test_contrast.py",
    "simulation/tumour_core": "simulation/test_tumour.py",
    "simulation/vessels": "simulation/test_anatomy.py",
}
"""Modules without a test file of their name, and the file in tests/ that tests them."""


def imported_packages(file):
    """The packages of `scripts` that a module imports from anywhere in it, also in functions."""
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            names += [node.module] if node.module != "scripts" else [f"scripts.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("scripts.")}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT / "scripts")))
def test_a_module_imports_from_its_own_and_earlier_packages_only(file):
    package = file.relative_to(ROOT / "scripts").parts[0]
    assert imported_packages(file) <= set(ORDER[: ORDER.index(package) + 1])


def test_configs_import_nothing_from_scripts():
    for file in (ROOT / "configs").rglob("*.json"):
        imports = json.loads(file.read_text()).get("imports", [])
        assert not [line for line in imports if re.search(r"\bscripts\b", line)], f"{file} imports from scripts"


def test_each_module_has_a_test_file_of_its_name():
    missing = []
    for file in MODULES:
        module = file.relative_to(ROOT / "scripts").with_suffix("")
        if module.name.startswith("__"):
            continue
        test = ROOT / "tests" / module.parent / f"test_{module.name}.py"
        reason = TESTED_ELSEWHERE.get(str(module))
        assert not (reason and test.is_file()), f"{module} has a test of its own: take it out of TESTED_ELSEWHERE"
        if reason:
            assert (ROOT / "tests" / reason.split("by ")[-1]).is_file(), f"{reason} does not exist"
        elif not test.is_file():
            missing.append(str(module))
    assert not missing

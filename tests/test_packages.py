# SPDX-License-Identifier: Apache-2.0
"""Packages import only from those before them, configs not at all, and each module has its test."""

import ast
import json
import re

import pytest
from tiny import ROOT

ORDER = (
    "common",
    "config_checks",
    "simulation",
    "data",
    "preprocess",
    "losses",
    "networks",
    "training",
    "unpaired",
    "inference",
    "evaluation",
    "report",
    "research",
)
MODULES = sorted(file for file in (ROOT / "scripts").rglob("*.py") if file.parent != ROOT / "scripts")

# Modules without a test file of their name, and the file in tests/ that tests them.
TESTED_ELSEWHERE = {
    "common/choices": "config_checks/test_choices.py",
    "inference/segmentation_record": "inference/test_quality.py",
    "losses/output": "losses/test_barlow_twins.py",
    "report/label_map_record": "report/test_handlers.py",
    "report/run_info": "report/test_page.py",
    "common/read_record": "inference/test_table.py",
    "common/workers": "simulation/test_cohort.py",
    "research/accuracy/page": "research/accuracy/test_accuracy.py",
    "simulation/tumour_contrast": "simulation/test_contrast.py",
}


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
        test = ROOT / "tests" / module.parent / f"test_{module.name}.py"
        if not (module.name.startswith("__") or test.is_file() or str(module) in TESTED_ELSEWHERE):
            missing.append(str(module))
    assert not missing


@pytest.mark.parametrize("module, tests", TESTED_ELSEWHERE.items())
def test_each_exemption_is_of_a_module_without_a_test_of_its_own_and_names_its_tests(module, tests):
    package, name = module.rsplit("/", 1)
    assert (ROOT / "scripts" / f"{module}.py").is_file() and (ROOT / "tests" / tests).is_file()
    assert not (ROOT / "tests" / package / f"test_{name}.py").exists()

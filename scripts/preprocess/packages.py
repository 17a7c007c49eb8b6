# SPDX-License-Identifier: Apache-2.0
"""Import the packages of ``requirements-preprocess.txt`` where they are needed, and say how to install one."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from scripts.common.errors import UserError

# The package on PyPI of each module, and what it is for.
PACKAGES = {
    "dcm2niix": ("dcm2niix", "to convert DICOM"),
    "pydicom": ("pydicom", "to read the headers of DICOM files"),
    "ants": ("antspyx", "to register the scans"),
    "brainles_hd_bet": ("brainles-hd-bet", "to find the brain"),
}


def optional(module: str) -> ModuleType:
    """The module, imported.

    Args:
        module: a key of `PACKAGES`.

    Raises:
        UserError: its package is not installed.
    """
    package, purpose = PACKAGES[module]
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"The package {package} is needed {purpose} and cannot be imported ({error}): install it with "
            "pip install -r requirements-preprocess.txt."
        ) from error


def versions() -> dict[str, str]:
    """The version of each of the packages that is installed."""
    found = {}
    for package, _ in PACKAGES.values():
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

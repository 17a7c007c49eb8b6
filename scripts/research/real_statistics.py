# SPDX-License-Identifier: Apache-2.0
"""Reads figures of real subjects from JSON files, and refuses files of another form."""

from pathlib import Path

import numpy as np
from scripts.common.errors import UserError
from scripts.common.json_files import read_given_json
from scripts.common.printable import shortened
from scripts.common.sequences import SEQUENCES
from scripts.research.cohort_statistics import FIGURES, TISSUES, shape_statistics


def read_shapes(path: str | Path) -> dict:
    """The content of a file such as ``brats2020_label_statistics.json``, a result of `shape_statistics`.

    Raises:
        UserError: no JSON, a key that is missing, or a value of another kind. The file may have more keys.
    """
    form = shape_statistics([np.zeros((1, 1, 1), np.uint8)], 1.0)  # the keys do not depend on the subjects
    return _read(path, form, "brats2020_label_statistics.json")


def read_intensities(path: str | Path) -> dict:
    """The content of a file such as ``brats2021_intensity_statistics.json``, a result of `intensity_statistics`.

    Raises:
        UserError: no JSON, a sequence or a figure that is missing, or a value of another kind. A sequence may lack
            tissues, as some cohorts do.
    """
    example = "brats2021_intensity_statistics.json"
    content = _read(path, {sequence: {} for sequence in SEQUENCES}, example)
    form = {
        name: {tissue: dict.fromkeys(FIGURES) for tissue in TISSUES if tissue in content[name]} for name in SEQUENCES
    }
    _check(path, content, form, example)
    return content


def _read(path: str | Path, form: dict, example: str) -> dict:
    content = read_given_json(path)
    _check(path, content, form, example)
    return content


def _check(path: str | Path, content, form, example: str, key: str = "") -> None:
    """Refuse a value that is not of the form: a number, or a table with the form's keys."""
    way = f"correct it, or give a file of the form of {example}."
    wanted = "a table" if isinstance(form, dict) else "a number"
    kinds = dict if isinstance(form, dict) else (int, float)
    if isinstance(content, bool) or not isinstance(content, kinds):
        raise UserError(f"{path} has {shortened(repr(content))} for {key or 'all'}, which must be {wanted}: {way}")
    for name, below in form.items() if isinstance(form, dict) else ():
        inner = f"{key}#{name}" if key else name
        if name not in content:
            raise UserError(f"{path} lacks the key {inner}: {way}")
        _check(path, content[name], below, example, inner)

# SPDX-License-Identifier: Apache-2.0
"""Files with figures of real subjects are read, and refused in a sentence if they are broken or of another form."""

import json

import numpy as np
import pytest
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.research.cohort_statistics import FIGURES, shape_statistics
from scripts.research.real_statistics import read_intensities, read_shapes


def _shapes() -> dict:
    return shape_statistics([np.zeros((2, 2, 2), np.uint8)], 1.0) | {"grid_mm": [240, 240, 155]}


def _intensities() -> dict:
    """Of a cohort without enhancing tumour and necrosis."""
    return {
        sequence: {"ed": dict.fromkeys(FIGURES, 1), "healthy": dict.fromkeys(FIGURES, 0.5)} for sequence in SEQUENCES
    }


READERS = pytest.mark.parametrize("read, content", [(read_shapes, _shapes()), (read_intensities, _intensities())])


@READERS
def test_a_file_of_the_form_is_read_with_what_else_it_has(read, content, tmp_path):
    (path := tmp_path / "real.json").write_text(json.dumps(content))
    np.testing.assert_equal(read(path), content)


@READERS
@pytest.mark.parametrize(
    "text, sentence",
    [
        ('{"cases": 3', "real.json is not valid JSON .*: correct it"),
        (
            "[1, 2]",
            r"real.json has \[1, 2\] for all, which must be a table: correct it, or give a file of the form of br",
        ),
        ("{}", "real.json lacks the key .*: correct it, or give a file of the form of brats202._.*_statistics.json"),
    ],
)
def test_a_broken_file_is_refused_by_name(read, content, text, sentence, tmp_path):
    (path := tmp_path / "real.json").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read(path)


@pytest.mark.parametrize(
    "read, content, tables, value, sentence",
    [
        (read_shapes, _shapes(), ["volume_ml", "wt"], {"p5": 1}, "lacks the key volume_ml#wt#p25"),
        (read_shapes, _shapes(), ["ratio"], 0.5, "has 0.5 for ratio, which must be a table"),
        (read_shapes, _shapes(), ["cases"], "many", "has 'many' for cases, which must be a number"),
        (read_intensities, _intensities(), ["t1", "ed"], {"cases": 3}, "lacks the key t1#ed#mean_of_means"),
        (read_intensities, _intensities(), ["t1", "ed"], 3, "has 3 for t1#ed, which must be a table"),
        (
            read_intensities,
            _intensities(),
            ["t2", "ed", "cases"],
            None,
            "has None for t2#ed#cases, which must be a num",
        ),
    ],
)
def test_a_missing_key_or_another_kind_of_value_is_named(read, content, tables, value, sentence, tmp_path):
    inside = content
    for name in tables[:-1]:
        inside = inside[name]
    inside[tables[-1]] = value
    (path := tmp_path / "real.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"real.json {sentence}"):
        read(path)


def test_each_option_refuses_the_file_of_the_other(tmp_path):
    for read, content in ((read_shapes, _intensities()), (read_intensities, _shapes())):
        (path := tmp_path / "real.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match="lacks the key"):
            read(path)

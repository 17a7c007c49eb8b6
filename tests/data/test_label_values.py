# SPDX-License-Identifier: Apache-2.0
"""Values of a label map are whole numbers, or almost; others are refused."""

import numpy as np
import pytest
import torch
from conftest import label_array
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.data.label_values import whole_numbers


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_whole_numbers_of_any_type_are_labels(dtype):
    values = whole_numbers("S1", "a.nii", label_array().astype(dtype))
    assert values.dtype == np.int32 and np.array_equal(values, label_array())


def test_a_tensor_is_read_as_an_array():
    label = MetaTensor(torch.from_numpy(label_array().astype(np.float32)))
    assert np.array_equal(whole_numbers("S1", "a.nii", label), label_array())


def test_values_may_be_off_by_the_rounding_of_a_slope():
    label = label_array() * np.float32(0.9999)
    label[5, 4, 3] = -0.0009  # almost 0
    assert np.array_equal(whole_numbers("S1", "a.nii", label), label_array())


def test_an_empty_map_stays_empty():
    assert not whole_numbers("S1", "a.nii", np.zeros((2, 3, 4), np.float32)).any()


@pytest.mark.parametrize(
    "value, shown", [(0.9, "0.9"), (-0.5, "-0.5"), (np.nan, "nan"), (-np.inf, "-inf"), (2**32 + 1, r"4.29497e\+09")]
)
def test_a_value_that_is_no_label_is_refused_with_the_name_of_the_file(value, shown):
    label = label_array().astype(np.float64)
    label[4, 4, 3] = value
    with pytest.raises(ScanError, match=f"^S1: a.nii holds {shown}, which is no label: .*by nearest neighbours"):
        whole_numbers("S1", "a.nii", label)

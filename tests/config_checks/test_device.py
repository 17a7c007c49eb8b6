# SPDX-License-Identifier: Apache-2.0
"""A device that this machine does not have is refused."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("device", "cuda:99", "device is 'cuda:99', which this machine or this build of torch does not have"),
        ("device", "gpu", "device is 'gpu', which this machine"),
        ("device", "meta", "device is 'meta', which this machine"),
    ],
)
def test_a_device_that_the_machine_lacks_is_refused(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**{key: value})

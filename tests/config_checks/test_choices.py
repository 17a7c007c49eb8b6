# SPDX-License-Identifier: Apache-2.0
"""Other values of keys with a fixed choice are refused."""

import pytest
from scripts.common.errors import UserError

from tests.config_checks.helpers import check


def test_a_value_that_is_no_choice_of_its_key_is_refused_with_the_choices():
    with pytest.raises(UserError, match="part is 'tset', but must be one of .*'test'"):
        check(part="tset")

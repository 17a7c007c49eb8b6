# SPDX-License-Identifier: Apache-2.0
"""The whole check."""

from tests.config_checks.helpers import check


def test_good_config_passes():
    check()

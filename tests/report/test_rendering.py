# SPDX-License-Identifier: Apache-2.0
"""How numbers are shown, and that templates escape what they are given."""

import math

import pytest
from jinja2 import UndefinedError
from scripts.report.rendering import TEMPLATES, decimals, ml, sort_value


@pytest.mark.parametrize("value, shown", [(0, "none"), (0.04, "<0.1"), (0.06, "0.1"), (12.34, "12.3"), (math.nan, "–")])
def test_volumes_tell_none_from_little(value, shown):
    assert ml(value) == shown


def test_undefined_numbers_are_a_dash_and_sort_as_not_a_number():
    assert decimals(0.125, 1) == "0.1" and decimals(None, 2) == decimals(math.nan, 2) == "–"
    assert sort_value(0.12345678) == "0.123457" and sort_value(None) == sort_value(math.nan) == "NaN"


def test_templates_escape_values_also_in_attributes_and_refuse_missing_ones():
    template = TEMPLATES.from_string('<b title="{{ value }}">{{ value | ml if value is number else value }}</b>')
    assert template.render(value='"><i>') == '<b title="&#34;&gt;&lt;i&gt;">&#34;&gt;&lt;i&gt;</b>'
    assert template.render(value=0.01) == '<b title="0.01">&lt;0.1</b>'
    with pytest.raises(UndefinedError):
        template.render()

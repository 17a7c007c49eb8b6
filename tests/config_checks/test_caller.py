# SPDX-License-Identifier: Apache-2.0
"""The parser that evaluates a call is found."""

import pytest
from monai.bundle import ConfigParser
from scripts.config_checks.caller import calling_parser


def test_a_call_in_an_expression_finds_the_parser_that_evaluates_it():
    parser = ConfigParser({"a": "$calling_parser()"}, globals={"calling_parser": calling_parser})
    assert parser.get_parsed_content("a") is parser


def test_without_a_parser_the_call_is_refused():
    with pytest.raises(RuntimeError, match="to be called from a config's 'initialize' list, or with a parser"):
        calling_parser()

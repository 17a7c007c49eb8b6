# SPDX-License-Identifier: Apache-2.0
from scripts.common.sequences import REGIONS, SEQUENCES, subset_name
from scripts.common.titles import OUTERMOST_FIRST, SEQUENCE_TITLES, sequences_text


def test_sequences_are_written_as_the_field_writes_them():
    assert sequences_text(subset_name(SEQUENCES)) == "T1 + T1ce + T2 + FLAIR"
    assert sequences_text(["flair", "t1"]) == "FLAIR + T1"


def test_each_region_and_sequence_has_a_title():
    assert set(OUTERMOST_FIRST) == set(REGIONS) and set(SEQUENCE_TITLES) == set(SEQUENCES)

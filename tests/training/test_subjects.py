# SPDX-License-Identifier: Apache-2.0
"""A training records the subjects that its networks will have seen."""

import json
import logging

from scripts.training.subjects import record_subjects

DATALIST = {
    "training": [{"subject": "A"}, {"subject": "S1", "maps": "m"}],
    "validation": [{"subject": "B"}],
    "test": [{"subject": "C"}],
}


def _recorded(datalist=DATALIST, **starts):
    provenance = {"starts_from": starts}
    record_subjects(provenance, datalist, "data")
    return provenance


def test_real_subjects_are_named_and_simulated_ones_are_not():
    assert _recorded(student="random weights")["real_subjects"] == ["A"]
    simulated = {"training": DATALIST["training"][1:], "validation": [], "test": []}
    assert _recorded(simulated) == {"starts_from": {}}


def test_subjects_of_the_starting_weights_are_named_and_those_held_out_are_warned_of(tmp_path, caplog):
    (tmp_path / "teacher.json").write_text(json.dumps({"stages": [{"real_subjects": ["C", "X"]}]}))
    start = f"{tmp_path}/teacher.pt"
    with caplog.at_level(logging.WARNING):
        provenance = _recorded(teacher=f"{start} (frozen)", student=start)
    assert provenance["start_subjects"] == ["C", "X"]
    assert caplog.messages == [
        f"1 of 2 subjects for validation and test were in the training of {start}: C. Their results are better than "
        "those of new patients: leave these subjects out, or take weights that were not trained on them."
    ]

# SPDX-License-Identifier: Apache-2.0
"""Evaluated subjects that the networks were trained on are told."""

import json
import logging
from types import SimpleNamespace

from scripts.evaluation.trained_on import trained_on_warnings


def test_the_weights_that_are_evaluated_are_looked_at(tmp_path, caplog):
    (tmp_path / "model.json").write_text(json.dumps({"real_subjects": ["A"]}))
    (tmp_path / "frozen").mkdir()
    (tmp_path / "frozen" / "teacher.json").write_text(json.dumps({"real_subjects": ["A", "B"]}))
    weights = {"teacher": (f"{tmp_path}/teacher.pt", ()), "student": (f"{tmp_path}/model.pt", ())}
    networks = SimpleNamespace(frozen={"teacher"}, weights=lambda folder: weights)
    items = [{"subject": name} for name in "ABC"]
    with caplog.at_level(logging.WARNING):
        sentences = trained_on_warnings(networks, str(tmp_path), f"{tmp_path}/frozen", items, "data")
    assert caplog.messages == sentences
    assert [sentence[: sentence.index(". ")] for sentence in sentences] == [
        f"2 of 3 evaluated subjects were in the training of {tmp_path}/frozen/teacher.pt: A, B",
        f"1 of 3 evaluated subjects were in the training of {tmp_path}/model.pt: A",
    ]


def test_another_teacher_than_the_one_that_taught_the_student_is_told(tmp_path):
    weights = {"teacher": (f"{tmp_path}/teacher.pt", ()), "student": (f"{tmp_path}/model.pt", ())}
    networks = SimpleNamespace(frozen={"teacher"}, weights=lambda folder: weights)
    (tmp_path / "model.json").write_text(json.dumps({"starts_from": {"teacher": f"{tmp_path}/mine.pt (frozen)"}}))
    (sentence,) = trained_on_warnings(networks, str(tmp_path), f"{tmp_path}/other.pt", [], "data")
    assert sentence.startswith(
        f"{tmp_path}/model.pt has learned from {tmp_path}/mine.pt, but the teacher that is evalu"
    )
    assert trained_on_warnings(networks, str(tmp_path), f"{tmp_path}/../{tmp_path.name}/mine.pt", [], "data") == []

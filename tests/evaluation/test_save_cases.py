# SPDX-License-Identifier: Apache-2.0
"""SaveCases on a small MONAI evaluator."""

import json

import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from scripts.common.errors import UserError
from scripts.evaluation.save_cases import SaveCases
from scripts.evaluation.summary import read_cases

NETWORKS = {"teacher": ["t1", "t1ce", "t2", "flair"], "student": ["flair", "t1ce"]}


class _Halver(torch.nn.Module):
    """A student that sees only the lower half of the tumour, and cannot see subjects of a certain brightness."""

    def forward(self, image):
        if (image == 7).any():
            raise RuntimeError("killed")
        half = image.clone()
        half[..., 4:] = 0
        return half


def _subject(name: str, last: float = 1) -> dict:
    """All regions are a 4 x 4 x 4 cube in voxels of 2 x 2 x 2 mm: 0.512 ml."""
    regions = torch.zeros(3, 8, 8, 8)
    regions[:, 2:6, 2:6, 2:6] = last
    affine = torch.diag(torch.tensor([-2.0, -2, 2, 1], dtype=torch.float64))
    return {"subject": name, "image": MetaTensor(regions, affine=affine), "label": MetaTensor(regions, affine=affine)}


def _networks_of(item: dict) -> dict:
    return item | {"student": item["pred"] > 0.5, "teacher": item["label"] > 0.5}


def _evaluate(subjects: list[dict], handler: SaveCases, batch_size: int = 1) -> dict:
    """Run the handler on an evaluator, whose metrics are returned."""
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(subjects), batch_size=batch_size),
        network=_Halver(),
        postprocessing=_networks_of,
        val_handlers=[handler],
    )
    evaluator.run()
    return evaluator.state.metrics


@pytest.mark.parametrize("batch_size", [1, 2])
def test_every_subject_network_and_region_has_a_row(tmp_path, batch_size):
    handler = SaveCases(tmp_path / "eval", NETWORKS, settings={"spacing": 2.0})
    _evaluate([_subject("00006"), _subject("00007")], handler, batch_size)
    cases = read_cases(tmp_path / "eval" / "cases.csv")
    expected = [(s, n, r) for s in ("00006", "00007") for n in NETWORKS for r in ("tc", "wt", "et")]
    assert list(zip(cases.subject, cases.network, cases.region)) == expected
    assert cases.groupby("network").sequences.first().to_dict() == {
        "teacher": "t1+t1ce+t2+flair",
        "student": "t1ce+flair",
    }
    # half of 64 voxels of 8 mm3: Dice 2 * 32 / 96; the volume says that the affine's spacing was used
    student = cases[cases.network == "student"]
    assert student.dice.tolist() == pytest.approx([2 / 3] * 6, abs=1e-6)
    assert student.predicted_ml.tolist() == pytest.approx([0.256] * 6)
    assert student.hd95_mm.tolist() == pytest.approx([4] * 6)  # the far face is two voxels away
    assert (cases[cases.network == "teacher"].dice == 1).all()
    # .256 ml of enhancing tumour is tiny
    assert student[student.region == "et"].dice_cleaned.tolist() == [0, 0]


def test_summary_and_figure_are_written_at_the_end(tmp_path):
    metrics = _evaluate([_subject("a"), _subject("b")], SaveCases(tmp_path, NETWORKS, settings={"spacing": 2.0}))
    assert metrics == pytest.approx(
        {f"student_{name}": 2 / 3 for name in ("dice", "tc", "wt", "et")}
        | {f"teacher_{name}": 1.0 for name in ("dice", "tc", "wt", "et")},
        abs=1e-6,
    )
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["settings"] == {"spacing": 2.0}
    assert content["subjects"] == 2
    assert content["student_minus_teacher"]["wt"]["dice"]["mean"] == pytest.approx(-1 / 3, abs=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"cases.csv", "summary.json", "evaluation.png"}


def test_a_killed_evaluation_keeps_the_subjects_that_were_done(tmp_path):
    with pytest.raises(RuntimeError, match="killed"):
        _evaluate([_subject("done"), _subject("never", last=7)], SaveCases(tmp_path, NETWORKS))
    cases = read_cases(tmp_path / "cases.csv")
    assert cases.subject.tolist() == ["done"] * 6
    assert not (tmp_path / "summary.json").exists()


def test_an_evaluation_without_a_teacher_has_a_summary_of_the_student_alone(tmp_path):
    _evaluate([_subject("a"), _subject("b")], SaveCases(tmp_path, {"student": ["flair"]}))
    content = json.loads((tmp_path / "summary.json").read_text())
    assert list(content["networks"]) == ["student"] and "student_minus_teacher" not in content
    assert (tmp_path / "evaluation.png").is_file()


def test_a_second_run_of_the_evaluator_starts_anew(tmp_path):
    handler = SaveCases(tmp_path, {"student": ["flair", "t1ce"]})
    _evaluate([_subject("a")], handler)
    _evaluate([_subject("a")], handler)
    assert read_cases(tmp_path / "cases.csv").subject.tolist() == ["a"] * 3


def test_results_of_an_earlier_evaluation_are_not_passed_off_as_new_ones(tmp_path, caplog):
    _evaluate([_subject("a")], SaveCases(tmp_path, NETWORKS))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RuntimeError, match="killed"):
        _evaluate([_subject("never", last=7)], SaveCases(tmp_path, NETWORKS))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert "whose cases.csv, summary.json, evaluation.png are replaced" in caplog.text


def test_entropy_stands_in_the_row_of_the_whole_tumour(tmp_path):
    def with_entropy(item):
        return _networks_of(item) | {"student_entropy_bits": 0.25}

    SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset([_subject("a")]), batch_size=1),
        network=_Halver(),
        postprocessing=with_entropy,
        val_handlers=[SaveCases(tmp_path, NETWORKS)],
    ).run()
    cases = read_cases(tmp_path / "cases.csv").set_index(["network", "region"]).wt_entropy_bits
    assert cases["student", "wt"] == 0.25 and cases.notna().sum() == 1


def test_a_subject_without_label_is_named(tmp_path):
    subject = _subject("00009")
    del subject["label"]
    handler = SaveCases(tmp_path, {"student": ["flair", "t1ce"]})
    engine = type("Engine", (), {"state": type("State", (), {"batch": [subject], "output": [{}]})})
    with pytest.raises(UserError, match="Subject 00009 has no label map"):
        handler.measure(engine)


def test_unknown_sequences_and_no_networks_are_refused_at_construction(tmp_path):
    with pytest.raises(UserError, match="t3"):
        SaveCases(tmp_path, {"student": ["t3"]})
    with pytest.raises(ValueError, match="network_sequences is empty"):
        SaveCases(tmp_path, {})


def test_files_that_no_evaluation_has_written_are_kept_under_another_name(tmp_path, caplog):
    for name, text in (("cases.csv", "a,b\n1,2\n"), ("summary.json", '{"mean": 1}'), ("evaluation.png", "mine")):
        (tmp_path / name).write_text(text)
    (tmp_path / "cases_other.csv").write_text("older")
    _evaluate([_subject("a")], SaveCases(tmp_path, NETWORKS))
    assert (tmp_path / "cases_other.csv").read_text() == "older"
    assert (tmp_path / "cases_other_2.csv").read_text() == "a,b\n1,2\n"
    assert (tmp_path / "summary_other.json").read_text() == '{"mean": 1}'
    assert (tmp_path / "evaluation_other.png").read_text() == "mine"
    assert "summary.json is of no evaluation: it is kept as summary_other.json." in caplog.text
    assert len(read_cases(tmp_path / "cases.csv")) == 6


def test_the_patient_of_a_time_point_is_written(tmp_path):
    _evaluate([_subject("P1_2020") | {"patient": "P1"}], SaveCases(tmp_path, NETWORKS))
    assert set(read_cases(tmp_path / "cases.csv").patient) == {"P1"}

# SPDX-License-Identifier: Apache-2.0
"""The command writes page, model card, expected accuracy and metrics from the stored results, or nothing."""

import json
import shutil

import pandas as pd
import pytest
from scripts.common.errors import UserError
from scripts.evaluation.expected import expected_accuracy, read_expected
from scripts.evaluation.summary import write_cases
from scripts.research.accuracy.__main__ import COMMAND, main, write_accuracy
from scripts.research.markdown import markers
from tiny import ROOT

pytestmark = pytest.mark.filterwarnings("error")
BEGIN, END = markers(COMMAND)
CARD, PAGE, METADATA, EXPECTED = "docs/README.md", "docs/accuracy.md", "configs/metadata.json", "models/expected.json"


@pytest.fixture
def root(tmp_path, cases):
    """A bundle root with the results of two subjects."""
    for folder in ("docs", "configs", "models"):
        (tmp_path / folder).mkdir()
    african = cases.replace({"subject": {"a": "BraTS-SSA-1", "b": "BraTS-SSA-2"}})
    write_cases(tmp_path / "docs" / "results" / "real_kfold.csv", pd.concat([cases, african]))
    write_cases(tmp_path / "docs" / "results" / "simulated.csv", cases)
    (tmp_path / CARD).write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    (tmp_path / METADATA).write_text('{"version": "1", "eval_metrics": {"old": 1}}')
    shutil.copy(ROOT / "configs" / "inference.json", tmp_path / "configs")
    shutil.copy(ROOT / "docs" / "peers.json", tmp_path / "docs")
    return tmp_path


def test_page_card_and_expected_accuracy_are_written(root):
    write_accuracy(root, resamples=200)
    page, card = (root / PAGE).read_text(), (root / CARD).read_text()
    assert page.startswith("# Accuracy\n") and "no medical device" in page.lower() and "nan" not in page
    assert "### BraTS-Africa (SSA), by cross-validation" in page
    assert card.startswith(
        f"before\n{BEGIN}\n\nDice on real subjects by cross-validation: adult glioma (GLI), **2 subjects"
    ) and card.endswith(f"\n\n{END}\nafter\n")
    assert "\nold\n" not in card and "| T1ce + FLAIR | 0.700 [0.600, 0.800] |" in card
    first, second, third = expected_accuracy(read_expected(root / EXPECTED), ["flair", "t1ce"])
    assert first["data"].startswith("2 subjects: Adult glioma (GLI") and second["data"].startswith(
        "2 subjects: BraTS-A"
    )
    assert third["data"] == "2 subjects: Held-out simulated subjects, by the shipped networks, without et_by_contrast"
    assert first["dice"]["wt"] == {"mean": 0.7, "interval": [0.6, 0.8]}


def test_same_results_give_the_same_bytes(root):
    texts = []
    for _ in range(2):
        write_accuracy(root, resamples=200)
        texts.append([(root / name).read_bytes() for name in (PAGE, CARD, EXPECTED)])
    assert texts[0] == texts[1]


def test_metrics_of_the_metadata_are_those_of_t1ce_and_flair(root):
    write_accuracy(root, resamples=200)
    metadata = json.loads((root / METADATA).read_text())
    # (.6 + .8) / 2, (.4 + .6) / 2, (0 + .5) / 2
    assert metadata["version"] == "1" and metadata["eval_metrics"] == {
        f"{name}_dice_{region}": dice
        for name in ("gli", "ssa", "simulated")
        for region, dice in (("wt", 0.7), ("tc", 0.5), ("et", 0.25))
    }


@pytest.mark.parametrize("name", ["simulated", "real_kfold"])
def test_missing_results_are_refused_with_the_command_that_makes_them(root, name):
    (root / "docs" / "results" / f"{name}.csv").unlink()
    with pytest.raises(UserError, match=rf"There is no .*{name}\.csv: run `python -m scripts.research.train_weights"):
        write_accuracy(root)
    assert not (root / PAGE).exists()


def test_a_card_without_markers_is_refused_and_nothing_is_written(root):
    (root / CARD).write_text(f"{END}\n{BEGIN}\n")
    with pytest.raises(UserError, match="README.md must have the line"):
        write_accuracy(root, resamples=200)
    assert not (root / PAGE).exists() and not (root / EXPECTED).exists()


def test_the_shipped_pages_are_those_of_the_shipped_results(tmp_path):
    for name in (CARD, METADATA, "configs/inference.json", "docs/peers.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "models").mkdir()
    for path in (ROOT / "models").iterdir():
        if path.name != "expected.json":
            (tmp_path / "models" / path.name).symlink_to(path)
    main(["--root", str(tmp_path), "--results", str(ROOT / "docs" / "results")])
    for name in (PAGE, CARD, METADATA):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text()
    assert json.loads((tmp_path / EXPECTED).read_text()) == json.loads((ROOT / EXPECTED).read_text())

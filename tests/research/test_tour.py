# SPDX-License-Identifier: Apache-2.0
"""The notebook docs/tour.ipynb runs from its first cell to its last, and is small enough for the repository."""

import json
import re

import nbformat
import pandas as pd
import pytest
from nbclient.exceptions import CellExecutionError
from scripts.research.tour import TOUR, executed, main


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The executed short version, and the folder of what it wrote."""
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUR", "short")
        patch.setenv("TOUR_FOLDER", str(folder))
        return executed(TOUR), folder


def _outputs(notebook, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_tour_draws_its_figures_and_tables(tour):
    notebook, _ = tour
    assert len(_outputs(notebook, "image/png")) == 2  # the scans of its one test subject; truth and four label maps
    compared, segmented, batch, report = _outputs(notebook, "text/html")
    assert "with teacher" in compared and "control" in compared
    assert "t1ce + flair" in segmented and "all_four" in batch
    assert "report.html" in report


def test_tour_trains_evaluates_and_segments(tour):
    _, folder = tour
    for name in ("joint", "control"):
        (cases,) = folder.glob(f"{name}_evaluation_*/cases.csv")
        students = pd.read_csv(cases).query("network == 'student'").set_index("region")
        assert sorted(students.index) == ["et", "tc", "wt"]
        # both started from the shipped teacher, and a few steps do not undo that
        assert students.dice["wt"] > 0.3
    (report,) = folder.glob("segmentations_*/report.html")
    assert {path.parent.name for path in report.parent.glob("*/*_seg.nii.gz")} == {"all_four", "two", "one"}


def test_stored_tour_is_small_and_names_what_to_install():
    text = TOUR.read_text()
    cells = json.loads(text)["cells"]
    assert "pip install -r requirements.txt notebook" in "".join(cells[0]["source"])
    assert len(text) < 1e6 and not re.search(r"/(home|root|tmp|work|Users)/", text)
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


def _notebook(path, *sources):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)
    return path


def test_outputs_are_stored_without_progress_bars(tmp_path):
    path = _notebook(tmp_path / "a.ipynb", "import sys\nprint('bar', file=sys.stderr)\nprint('log')", "1 + 1")
    main(["--notebook", str(path)])
    first, second = nbformat.read(path, as_version=4).cells
    assert [output["text"] for output in first.outputs] == ["log\n"]
    assert second.outputs[0]["data"]["text/plain"] == "2"


def test_a_failing_cell_is_an_error_and_the_file_stays(tmp_path):
    path = _notebook(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        main(["--notebook", str(path)])
    assert path.read_bytes() == before

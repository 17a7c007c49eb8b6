# SPDX-License-Identifier: Apache-2.0
"""The notebook docs/tour.ipynb runs from its first cell to its last, and is small enough for the repository."""

import json
import re

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from tiny import ROOT

TOUR = ROOT / "docs" / "tour.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The executed short version, and the folder of what it wrote."""
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUR", "short")
        patch.setenv("TOUR_FOLDER", str(folder))
        notebook = nbformat.read(TOUR, as_version=4)
        # a cell that fails ends it with the cell's error
        NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(TOUR.parent)}}).execute()
    return notebook, folder


def _outputs(notebook, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_tour_draws_its_figures_and_tables(executed):
    notebook, _ = executed
    assert len(_outputs(notebook, "image/png")) == 2  # the scans of its one test subject; truth and four label maps
    dice, segmented, batch = (pd.read_html(io_of(html))[0] for html in _outputs(notebook, "text/html")[:3])
    assert len(dice) and len(segmented) and len(batch)


def test_tour_trains_evaluates_and_segments(executed):
    _, folder = executed
    for name in ("joint", "control"):
        (cases,) = folder.glob(f"{name}_evaluation_*/cases.csv")
        students = pd.read_csv(cases).query("network == 'student'")
        assert sorted(students.region) == ["et", "tc", "wt"]
        # both started from the shipped teacher, and a few steps leave a whole tumour
        assert students.set_index("region").dice["wt"] > 0.5
    (report,) = folder.glob("segmentations_*/report.html")
    assert {"all_four", "two", "one"} <= {path.parent.name for path in report.parent.glob("*/*_seg.nii.gz")}


def test_tour_is_small_and_names_what_to_install():
    notebook = json.loads(TOUR.read_text())
    assert "pip install -r requirements.txt notebook" in "".join(notebook["cells"][0]["source"])
    assert TOUR.stat().st_size < 1e6
    assert not re.search(r"/(home|root|tmp|work|Users)/", TOUR.read_text())
    errors = [out for cell in notebook["cells"] for out in cell.get("outputs", []) if out["output_type"] == "error"]
    assert errors == []

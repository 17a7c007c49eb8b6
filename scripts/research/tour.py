# SPDX-License-Identifier: Apache-2.0
"""Run the notebook ``docs/tour.ipynb`` and store its outputs in it: ``python -m scripts.research.tour``."""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from scripts.common.errors import install_error_hook
from scripts.common.files import ROOT, save_atomically

TOUR = ROOT / "docs" / "tour.ipynb"
# Of one cell. A busy machine may need many times the tour's ten minutes.
TIMEOUT_SECONDS = 4 * 3600


def executed(path: str | Path = TOUR) -> nbformat.NotebookNode:
    """A notebook with the outputs of a run of all its cells, in its folder; the file is not changed.

    Progress bars, all that is written to stderr, are left out, and so is what differs from run to run: the times of
    the cells and the version of Python.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the message has its traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    folder = {"metadata": {"path": str(Path(path).parent)}}
    NotebookClient(
        notebook, timeout=TIMEOUT_SECONDS, record_timing=False, coalesce_streams=True, resources=folder
    ).execute()
    notebook.metadata = nbformat.from_dict(metadata)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main(arguments: list[str] | None = None) -> None:
    """Run a notebook and store its outputs in it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.tour", description=main.__doc__)
    parser.add_argument("--notebook", type=Path, default=TOUR, help="the notebook (default: docs/tour.ipynb)")
    options = parser.parse_args(arguments)
    notebook = executed(options.notebook)
    save_atomically(options.notebook, lambda file: nbformat.write(notebook, file))


if __name__ == "__main__":
    install_error_hook()
    main()

# SPDX-License-Identifier: Apache-2.0
"""``python -m scripts.report FOLDER`` writes the report of a finished or stopped inference or evaluation.

With ``--dataset_dir my_scans`` it also draws label maps that other software made. With ``--beside OTHER`` it writes,
instead, a page that shows the label maps of two folders side by side.
"""

import argparse
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.labels import LABEL_CONVENTIONS
from scripts.evaluation.expected import require_expected
from scripts.report.comparison import Comparison
from scripts.report.comparison_page import write_comparison
from scripts.report.folder import draw_folder
from scripts.report.page import write_report
from scripts.report.picture import MOST_SLICES
from scripts.report.run_info import read_run


def main(arguments: list[str] | None = None) -> None:
    """Write report.html from what an inference or an evaluation has left in its folder, or compare two inferences."""
    parser = argparse.ArgumentParser(prog="python -m scripts.report", description=main.__doc__)
    parser.add_argument("output_dir", type=Path, help="the folder that `inference` or `evaluating` wrote to")
    parser.add_argument("--dataset_dir", type=Path, help="folder of the scans, to draw label maps without a picture")
    parser.add_argument(
        "--label_convention", choices=LABEL_CONVENTIONS, help="of those label maps (default: as names and values tell)"
    )
    parser.add_argument("--slices", type=int, help="in each plane of a picture (default: as in the run)")
    parser.add_argument(
        "--beside", type=Path, metavar="OTHER", help="another folder of label maps, to be shown side by side with these"
    )
    parser.add_argument("--label_numbering", help=argparse.SUPPRESS)  # until version 0.6
    parser.add_argument("--expected", type=Path, help="table of expected accuracy (default: that of the run)")
    parser.add_argument("--when", help="what the page says about the time of the run (default: nothing)")
    options = parser.parse_args(arguments)
    if options.label_numbering:
        raise UserError("--label_numbering is renamed to --label_convention.")
    if options.slices is not None and not 1 <= options.slices <= MOST_SLICES:
        raise UserError(f"--slices is {options.slices}, but must be from 1 to {MOST_SLICES}.")
    if options.beside:
        if options.expected:
            raise UserError("--expected is for the report of one folder: leave it out beside --beside.")
        folders = (options.output_dir, options.beside)
        slices = options.slices or read_run(options.output_dir)["slices"]
        print(
            write_comparison(Comparison(folders, options.dataset_dir, options.label_convention, slices), options.when)
        )
        return
    if options.label_convention and not options.dataset_dir:
        raise UserError("--label_convention is for label maps that are drawn: name the scans with --dataset_dir too.")
    if options.expected:
        require_expected(options.expected)  # a wrong path is refused before anything is drawn
    draw_folder(options.output_dir, options.dataset_dir, options.label_convention, options.slices)
    print(write_report(options.output_dir, options.when, options.expected))


if __name__ == "__main__":
    install_error_hook()
    main()

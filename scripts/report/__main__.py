# SPDX-License-Identifier: Apache-2.0
"""One self-contained page of what lies in a folder: of an inference or of an evaluation.

``python -m scripts.report segmentations`` joins what a run, finished or stopped, has kept, and draws what it has left
undrawn. With ``--dataset_dir my_scans`` it also draws the subjects of which there is a label map alone.
"""

import argparse
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.common.labels import LABEL_CONVENTIONS
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.evaluation.expected import existing_expected, read_expected
from scripts.report.drawing import draw_missing
from scripts.report.evaluation import write_evaluation_report
from scripts.report.run import PAGE, read_run
from scripts.report.segmentation import write_segmentation_report


def write_report(output_dir, when: str | None = None, expected=None) -> Path:
    """Write ``<output_dir>/report.html`` from what was kept of each subject; replaced at once.

    Pictures are copied from file to file, so that memory does not grow with them. The same results give the same bytes.

    Args:
        output_dir: folder that an inference or an evaluation wrote to.
        when: what the page says of the time of the run.
        expected: another table of expected accuracy than the run's own.

    Returns:
        path of the page.

    Raises:
        UserError: nothing was kept in the folder, or there is no such table.
    """
    output_dir = Path(output_dir)
    run = read_run(output_dir)
    table = existing_expected(expected) if expected else read_expected(run["expected"] or "")
    if not any((output_dir / "report").glob("*.part")) and not (output_dir / "cases.csv").is_file():
        raise UserError(
            f"There is nothing in {output_dir} to report: run `inference` or `evaluating` first, or give the folder of "
            "the scans with --dataset_dir if it holds label maps as <subject>/<subject>_seg.nii.gz."
        )

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            if run["kind"] == "evaluation":
                write_evaluation_report(out, output_dir, run["facts"], when)
            else:
                write_segmentation_report(out, output_dir, run["facts"], table, when)

    save_atomically(output_dir / PAGE, write)
    return output_dir / PAGE


def draw(output_dir, dataset_dir=None, label_convention: str | None = None) -> None:
    """Draw what the page of an inference lacks: what a stopped run has left and, with the scans, label maps alone.

    Args:
        output_dir: folder of the label maps.
        dataset_dir: folder of the scans; without it those of the run, and no label map from elsewhere.
        label_convention: of the label maps from elsewhere (`scripts.common.labels.LABEL_CONVENTIONS`); by default as names tell.

    Raises:
        UserError: the dataset folder does not exist or is not understood, or the page is of an evaluation.
    """
    run, items = read_run(output_dir), []
    if run["kind"] == "evaluation":
        if dataset_dir:
            raise UserError(
                f"{output_dir} holds an evaluation, which has its pictures: leave --dataset_dir out, or draw label "
                "maps in a folder of their own."
            )
        return
    if dataset_dir:
        items = subjects_in(dataset_dir, SEQUENCES, labelled=False, label_convention=label_convention)
    scans = run["scans"] | {item["subject"]: item for item in items}
    draw_missing(output_dir, scans, label_convention, every=bool(dataset_dir))


def main(arguments: list[str] | None = None) -> None:
    """Write report.html from what an inference or an evaluation has left in its folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts.report", description=main.__doc__)
    parser.add_argument("output_dir", type=Path, help="the folder that `inference` or `evaluating` wrote to")
    parser.add_argument("--dataset_dir", type=Path, help="the scans, to draw label maps that have no picture yet")
    parser.add_argument(
        "--label_convention", choices=LABEL_CONVENTIONS, help="of those label maps (default: as names and values tell)"
    )
    parser.add_argument("--expected", type=Path, help="table of expected accuracy (default: that of the run)")
    parser.add_argument("--when", help="what the page says of the time of the run (default: nothing)")
    options = parser.parse_args(arguments)
    if options.label_convention and not options.dataset_dir:
        raise UserError("--label_convention is for label maps that are drawn: name the scans with --dataset_dir too.")
    if options.expected:
        existing_expected(options.expected)  # before anything is drawn
    draw(options.output_dir, options.dataset_dir, options.label_convention)
    print(write_report(options.output_dir, options.when, options.expected))


if __name__ == "__main__":
    install_error_hook()
    main()

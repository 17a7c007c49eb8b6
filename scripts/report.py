# SPDX-License-Identifier: Apache-2.0
"""One self-contained page of what lies in a folder: of an inference or of an evaluation.

``python -m scripts.report segmentations`` joins what a run, finished or stopped, has kept. With
``--dataset_dir my_scans`` it also draws the subjects of which there is a label map alone.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from scripts.datalist import subjects_in
from scripts.errors import ScanError, UserError, speak_plainly
from scripts.expected import read_expected
from scripts.files import save_atomically
from scripts.report_drawing import keep_segmented
from scripts.report_evaluation import write_evaluation_report
from scripts.report_parts import part_path, write_part
from scripts.report_segmentation import write_segmentation_report
from scripts.sequences import SEQUENCES

PAGE = "report.html"


def write_run(output_dir, kind: str, facts: Mapping[str, object], expected=None) -> None:
    """Keep what the page says of the run in ``<output_dir>/report/run.json``.

    Args:
        output_dir: folder of the results.
        kind: "inference" or "evaluation".
        facts: settings, any values; what JSON does not know is written as text.
        expected: path of the expected accuracy, or None.
    """
    content = {"kind": kind, "facts": dict(facts), "expected": None if expected is None else str(expected)}
    text = json.dumps(content, indent=4, default=str) + "\n"
    save_atomically(Path(output_dir) / "report" / "run.json", lambda file: file.write_text(text, encoding="utf-8"))


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
        UserError: nothing was kept in the folder.
    """
    output_dir = Path(output_dir)
    file, run = output_dir / "report" / "run.json", {}
    if file.is_file():
        run = json.loads(file.read_text(encoding="utf-8"))
    kind = run.get("kind") or ("evaluation" if (output_dir / "cases.csv").is_file() else "inference")
    if not any((output_dir / "report").glob("*.part")) and not (output_dir / "cases.csv").is_file():
        raise UserError(
            f"There is nothing in {output_dir} to report: run `inference` or `evaluating` first, or give the folder of "
            "the scans with --dataset_dir if it holds label maps as <subject>/<subject>_seg.nii.gz."
        )

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            if kind == "evaluation" and (output_dir / "cases.csv").is_file():
                write_evaluation_report(out, output_dir, run.get("facts", {}), when)
            else:
                table = read_expected(expected or run.get("expected") or "")
                write_segmentation_report(out, output_dir, run.get("facts", {}), table, when)

    save_atomically(output_dir / PAGE, write)
    return output_dir / PAGE


def draw_missing(output_dir, dataset_dir) -> None:
    """Keep every subject that has a label map in ``output_dir`` but was not kept yet, with the scans of a folder.

    Raises:
        UserError: the dataset folder does not exist or is not understood.
    """
    output_dir = Path(output_dir)
    items = {item["subject"]: item for item in subjects_in(dataset_dir, SEQUENCES, labelled=False)}
    for path in sorted(output_dir.glob("*/*_seg.nii.gz")):
        subject = path.parent.name
        if path.name == f"{subject}_seg.nii.gz" and not part_path(output_dir / "report", subject).is_file():
            try:
                keep_segmented(output_dir, items.get(subject, {"subject": subject}))
            except ScanError as error:
                write_part(output_dir / "report", {"subject": subject, "failed": str(error)})


def main(arguments: list[str] | None = None) -> None:
    """Write report.html from what an inference or an evaluation has left in its folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts.report", description=main.__doc__)
    parser.add_argument("output_dir", type=Path, help="the folder that `inference` or `evaluating` wrote to")
    parser.add_argument("--dataset_dir", type=Path, help="the scans, to draw label maps that have no picture yet")
    parser.add_argument("--expected", type=Path, help="table of expected accuracy (default: that of the run)")
    parser.add_argument("--when", help="what the page says of the time of the run (default: nothing)")
    options = parser.parse_args(arguments)
    if options.dataset_dir:
        draw_missing(options.output_dir, options.dataset_dir)
    print(write_report(options.output_dir, options.when, options.expected))


if __name__ == "__main__":
    speak_plainly()
    main()
